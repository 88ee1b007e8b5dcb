"""Databases in audformat, as the package writes them: tables, segments, splits, speakers; and what is wrong."""

import sys

import numpy as np
import pytest
import soundfile

from pipeline.corpora import listing
from pipeline.corpora.base import CorpusParams
from pipeline.errors import UserError
from pipeline.strict import validate

HEADER = """\
name: mydb
source: x
usage: research
languages: [deu]
media:
  m: {type: audio}
schemes:
  emotion:
    dtype: str
    labels:
      angry: {category: anger}
      happy: {category: happiness}
  gender:
    dtype: str
    labels: [female, male]
  speaker: {dtype: str, labels: speaker}
splits:
  test: {type: test}
  first: {type: train}
tables:
  emotion.test:
    type: segmented
    split_id: test
    media_id: m
    columns:
      emotion: {scheme_id: emotion}
      confidence: {}
  emotion.train:
    type: segmented
    split_id: first
    columns:
      mood: {scheme_id: emotion}
  files:
    type: filewise
    columns:
      speaker: {scheme_id: speaker}
misc_tables:
  speaker:
    levels: {speaker: str}
    columns:
      gender: {scheme_id: gender}
"""
TEST = """\
file,start,end,emotion,confidence
wav/b.wav,0 days 00:00:00.000000,0 days 00:00:00.250000,angry,1
wav/c.wav,0 days 00:00:00.500000,,happy,2
wav/c.wav,0 days 00:00:00,0 days 00:00:00.5,,2
"""
TRAIN = """\
file,start,end,mood
wav/a.wav,0 days 00:00:00.100000,0 days 00:00:00.400000,angry
wav/a.wav,0 days 00:00:00.500000,0 days 00:00:00.700000,happy
"""
FILES = "file,speaker\nwav/a.wav,s1\nwav/b.wav,s2\nwav/c.wav,s1\n"
GOOD = {
    "db.yaml": HEADER,
    "db.emotion.test.csv": TEST,
    "db.emotion.train.csv": TRAIN,
    "db.files.csv": FILES,
    "db.speaker.csv": "speaker,gender\ns1,female\ns2,male\n",
}


@pytest.fixture
def read(tmp_path):
    """Read the database above, in which some files are others: its rows, and what was left out."""

    def read(changes=(), **params):
        (tmp_path / "db/wav").mkdir(parents=True, exist_ok=True)
        for seed, name in enumerate("abcd"):
            samples = np.random.default_rng(seed).uniform(-0.3, 0.3, 16000)
            soundfile.write(tmp_path / f"db/wav/{name}.wav", samples, 16000)
        for name, text in {**GOOD, **dict(changes)}.items():
            if text is not None:
                (tmp_path / "db" / name).write_text(text, encoding="utf-8")
        settings = validate(CorpusParams, {"reader": "audformat", "root": tmp_path / "db", **params})
        listed = listing.read("mine", settings)
        return listed.rows, listed.left_out

    return read


def test_segments_of_splits_with_what_other_tables_say_of_file_and_speaker(read):
    rows, left_out = read()
    told = [(row.key, row.emotion, row.part, row.speaker, row.gender, row.language, row.length) for row in rows]
    assert told == [
        ("wav/a#00000100-00000400", "angry", "train", "s1", "female", "de", 0.3),
        ("wav/a#00000500-00000700", "happy", "train", "s1", "female", "de", 0.2),
        ("wav/b#00000000-00000250", "angry", "test", "s2", "male", "de", 0.25),
        ("wav/c#00000500-end", "happy", "test", "s1", "female", "de", 0.5),
    ]
    assert left_out.notes == ("1 rows of emotion.test, emotion.train have no emotion, and are left out",)
    assert left_out.unlisted == 1


def test_one_of_several_tables(read):
    rows, _ = read(table="emotion.train")
    assert [row.part for row in rows] == ["train", "train"]


def test_a_column_by_another_name_and_labels_of_speakers(read):
    header = """\
name: d
schemes:
  speaker: {dtype: str, labels: {s1: {gender: male}}}
tables:
  t:
    type: filewise
    columns: {feeling: {}, speaker: {scheme_id: speaker}}
"""
    table = "file,feeling,speaker\nwav/a.wav,sad,s1\n"
    rows, _ = read({"db.yaml": header, "db.t.csv": table}, columns={"emotion": "feeling"})
    assert [(row.key, row.emotion, row.gender, row.start) for row in rows] == [("wav/a", "sad", "male", None)]


RATED = """\
name: d
schemes:
  arousal: {dtype: float}
  level: {dtype: int}
tables:
  t:
    type: filewise
    columns: {emotion: {}, valence: {}, rated: {scheme_id: arousal}, level: {scheme_id: level}, dominance: {}}
"""


def test_numbers_of_a_table_are_dimensions(read):
    table = (
        "file,emotion,valence,rated,level,dominance\nwav/a.wav,sad,2.5,,3,low\nwav/b.wav,,,-1,,low\nwav/c.wav,,,,,low\n"
    )
    rows, left_out = read({"db.yaml": RATED, "db.t.csv": table}, dimensions=["level"])
    assert [(row.key, row.emotion, row.dimensions) for row in rows] == [
        ("wav/a", "sad", {"valence": 2.5, "level": 3.0}),
        ("wav/b", "", {"arousal": -1.0}),
    ]
    assert left_out.notes == ("1 rows of t have no emotion, and are left out",)
    with pytest.raises(UserError, match=r"db\.t\.csv, line 3: its valence is 'high', which is no number"):
        read({"db.yaml": RATED, "db.t.csv": table.replace("wav/b.wav,,", "wav/b.wav,,high")})


def test_a_database_of_numbers_alone(read):
    header = RATED.replace("emotion: {}, ", "")
    table = "file,valence,rated,level,dominance\nwav/a.wav,2.5,0,3,1\n"
    rows, _ = read({"db.yaml": header, "db.t.csv": table})
    assert [(row.emotion, row.dimensions) for row in rows] == [("", {"valence": 2.5, "arousal": 0.0, "dominance": 1.0})]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"db.yaml": None}, "has no db.yaml"),
        ({"db.yaml": "[1"}, "db.yaml: is no YAML"),
        ({"db.yaml": "!!python/object/apply:os.system [ls]"}, "db.yaml: is no YAML"),
        ({"db.yaml": "- a\n"}, "db.yaml: the header should be a mapping"),
        ({"db.yaml": "name: a\n"}, "no table has a column or scheme 'emotion'"),
        (
            {"db.yaml": HEADER.replace("split_id: test", "split_id: first")},
            "several tables have emotions (emotion.test, ",
        ),
        ({"db.yaml": HEADER.replace("  files:", "  ../files:")}, "tables.../files is no name of a table"),
        (
            {"db.yaml": HEADER.replace("labels: speaker}", "labels: people}")},
            "schemes.speaker names 'people', which is no",
        ),
        ({"db.files.csv": None}, "db.files: the table is not there; save the database with storage_format='csv'"),
        ({"db.files.csv": None, "db.files.pkl": ""}, "db.files: the table is a pickle, which may run code"),
        ({"db.files.csv": "file,speaker\nwav/a.wav\n"}, "db.files.csv, line 2: has not the 2 columns of the header"),
        (
            {"db.files.csv": f"{FILES}wav/a.wav,s2\n"},
            "db.files.csv, line 5: the speaker of wav/a.wav is 's2', and 's1'",
        ),
        ({"db.emotion.test.csv": TEST.replace("wav/b", "wav/x")}, "db.emotion.test.csv, line 2: no such file: "),
        ({"db.emotion.test.csv": TEST.replace("wav/b", "../b")}, "line 2: path '../b.wav' must name a file below"),
        (
            {"db.emotion.test.csv": TEST.replace("00:00:00.250000", "x")},
            "line 2: end must be a time as 0 days 00:00:01.5",
        ),
        (
            {"db.emotion.test.csv": TEST.replace("00.500000,", "09.5,")},
            "the file has 1 s; mend db.emotion.test.csv, line 3",
        ),
    ],
)
def test_mistakes_are_named(changes, says, read):
    with pytest.raises(UserError) as caught:
        read(changes)
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_link_out_of_the_folder_is_refused(read, tmp_path):
    (tmp_path / "db").mkdir()
    soundfile.write(tmp_path / "outside.wav", np.zeros(16000), 16000)
    (tmp_path / "db/out.wav").symlink_to(tmp_path / "outside.wav")
    with pytest.raises(UserError, match="is a link out of the corpus folder; put the file there"):
        read({"db.emotion.test.csv": TEST.replace("wav/b.wav", "out.wav")})


def test_tables_in_parquet(read, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    (tmp_path / "db").mkdir()
    times = pyarrow.array([100_000_000, 500_000_000], pyarrow.duration("ns"))
    ends = pyarrow.array([400_000_000, None], pyarrow.duration("ns"))
    columns = {"file": ["wav/a.wav"] * 2, "start": times, "end": ends, "mood": ["angry", "happy"]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "db/db.emotion.train.parquet")
    rows, _ = read({"db.emotion.train.csv": None}, table="emotion.train")
    assert [row.key for row in rows] == ["wav/a#00000100-00000400", "wav/a#00000500-end"]


def test_parquet_without_its_package_says_what_to_install(read, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match="reading it needs pyarrow; `pip install pyarrow`, or the extra `arrow`"):
        read({"db.files.csv": None, "db.files.parquet": "x"})
