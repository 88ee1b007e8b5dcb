"""Numbers on dimensions and raters' votes in a table, in the manifest, and what is wrong with them."""

import json
from dataclasses import replace

import pytest
import soundfile
from conftest import tone
from feature_files import corpus

from pipeline.corpora import listing, manifest
from pipeline.corpora.base import CorpusParams
from pipeline.errors import ParamsError, UserError
from pipeline.experiments.classes import class_set
from pipeline.strict import validate

NAMES = ("a.wav", "b.wav", "c.wav")


@pytest.fixture
def read(tmp_path):
    """The rows, by path, of a folder of `NAMES` whose table has this text."""

    def read(table, **params):
        for name in NAMES:
            soundfile.write(tmp_path / name, tone(0.1), 16000)
        (tmp_path / "labels.csv").write_text(table)
        settings = validate(CorpusParams, {"reader": "folder", "root": tmp_path, "table": "labels.csv", **params})
        return {row.wav: row for row in listing.read("mine", settings).rows}

    return read


def test_numbers_are_read_by_name_and_may_be_missing(read):
    rows = read(
        "path,emotion,Valence,engagement\na.wav,sad,3.5,-1e2\nb.wav,,0,\nc.wav,happy,,\n", dimensions=["engagement"]
    )
    assert rows["a.wav"].dimensions == {"valence": 3.5, "engagement": -100.0}
    assert (rows["b.wav"].emotion, rows["b.wav"].dimensions) == ("", {"valence": 0.0})
    assert rows["c.wav"].dimensions == {}


def test_votes_are_shares_of_labels_and_the_most_are_the_emotion(read):
    rows = read(
        "path,votes_ANGER,votes_sad,votes_exc,votes_excited\na.wav,1,2,,1\nb.wav,2,2,0,0\nc.wav,0.1,0,0.2,0.2\n"
    )
    assert rows["a.wav"].votes == {"angry": 0.25, "sad": 0.5, "excited": 0.25}
    assert rows["c.wav"].votes == pytest.approx({"angry": 0.2, "excited": 0.8})
    assert [row.emotion for row in rows.values()] == ["sad", "other", "excited"]


def test_an_emotion_stands_before_votes_and_codes_are_mapped(read):
    rows = read("path,emotion,votes_wut\na.wav,sad,3\nb.wav,Wut,\n", emotions={"Wut": "angry"})
    assert rows["a.wav"].emotion == "sad"
    assert rows["a.wav"].votes == {"angry": 1.0}
    assert (rows["b.wav"].emotion, rows["b.wav"].votes) == ("angry", {})


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("path,valence\na.wav,1\nb.wav,high\n", "line 3: its valence is 'high', which is no number; leave it empty"),
        ("path,valence\na.wav,3;5\n", "line 2: its valence is '3;5', which is no number"),
        ('path,valence\na.wav,"3,5"\n', "line 2: its valence is '3,5', which is no number; write 3.5"),
        ("path,arousal\na.wav,nan\n", "line 2: its arousal is 'nan'; leave it empty where it is not known"),
        ("path,arousal\na.wav,-inf\n", "line 2: its arousal is '-inf'; leave it empty"),
        ("path,votes_sad\na.wav,-1\n", "line 2: its votes_sad is -1, and votes are not below 0"),
        ("path,votes_sad,votes_happy\na.wav,0,0\n", "line 2: its votes are all 0"),
        ("path,votes_sda\na.wav,1\n", "column 'votes_sda': unknown emotion code 'sda' (did you mean 'sad'?)"),
        ("path,valense\na.wav,1\n", "has no column 'emotion'"),
        ("path,emotion,valense\na.wav,sad,1\n", "unknown column 'valense' (did you mean 'valence'?)"),
        ("path,valence\na.wav,\n", "line 2: has no emotion"),
    ],
)
def test_a_wrong_rating_is_named_with_its_line(read, table, problem):
    with pytest.raises(UserError) as caught:
        read(table)
    (line,) = str(caught.value).splitlines()
    assert problem in line


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ({"dimensions": ["text"]}, "'text' is a column with a meaning of its own"),
        ({"dimensions": ["votes_x"]}, "'votes_x' is a column with a meaning of its own"),
        ({"dimensions": ["A b"]}, "'A b' may hold only small letters"),
        ({"dimensions": ["engagement"], "table": ""}, "are columns of a table, and none is given"),
        ({"dimensions": ["engagement"], "reader": "emodb", "table": ""}, "is for the folder reader"),
    ],
)
def test_a_dimension_that_could_be_no_column_is_refused(own, problem):
    with pytest.raises(ParamsError, match=problem):
        validate(CorpusParams, {"reader": "folder", "root": ".", "table": "labels.csv", **own})


def test_the_manifest_keeps_ratings_and_says_nothing_where_there_are_none(tmp_path):
    plain, rated = corpus(speakers=2, takes=1)[:2]
    rated = replace(rated, dimensions={"valence": 3.5}, votes={"angry": 0.25, "sad": 0.75})
    manifest.write(tmp_path / "m.jsonl", [plain, rated])
    assert manifest.read(tmp_path / "m.jsonl") == [plain, rated]
    first, second = map(json.loads, (tmp_path / "m.jsonl").read_text().splitlines())
    assert not {"dimensions", "votes"} & {*first}
    assert second["dimensions"] == {"valence": 3.5}


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("dimensions", [3], "'dimensions' must map names to numbers"),
        ("dimensions", {"valence": True}, "'dimensions' must map names to numbers"),
        ("dimensions", {"valence": float("nan")}, "'dimensions' has a number that is not finite"),
        ("votes", {"sad": 0.5}, "must be shares from 0 on that sum to 1"),
        ("votes", {"sad": 1.5, "happy": -0.5}, "must be shares from 0 on that sum to 1"),
        ("votes", {"mad": 1}, "'votes' has 'mad', which is no label"),
    ],
)
def test_a_manifest_with_other_ratings_is_refused(tmp_path, key, value, problem):
    row = manifest.as_json(corpus(speakers=1)[0]) | {key: value}
    (tmp_path / "m.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(UserError, match=f"line 1: not a manifest row .*{problem}"):
        manifest.read(tmp_path / "m.jsonl")


def test_what_has_no_emotion_is_in_no_class():
    rows = corpus(speakers=1)
    silent = replace(rows[0], emotion="", dimensions={"valence": 1.0})
    assert class_set([silent, *rows[1:]], None) == rows[1:]
    with pytest.raises(UserError, match="no recording of corpus toy has an emotion; give experiments `targets`"):
        class_set([silent], None)
