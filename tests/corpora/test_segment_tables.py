"""Long files with a table of segments: rows, what overlaps, and what is wrong, from the table to predictions' parts."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.corpora import duplicates, listing, manifest, overlaps
from pipeline.corpora.base import CorpusParams
from pipeline.errors import UserError
from pipeline.evaluation.leaks import contents
from pipeline.storage.feature_file import FeatureFile
from pipeline.strict import validate

HEADER = "path,emotion,speaker,start,end\n"


@pytest.fixture
def corpus(tmp_path):
    """A corpus of two files of 6 s, of noise, with this table."""

    def corpus(lines, copy=False, **params):
        root = tmp_path / "c"
        root.mkdir()
        for seed, name in enumerate(("talk.wav", "chat.flac")):
            soundfile.write(root / name, np.random.default_rng(0 if copy else seed).uniform(-0.3, 0.3, 96000), 16000)
        (root / "labels.csv").write_text(HEADER + lines)
        return validate(CorpusParams, {"reader": "folder", "root": root, "table": "labels.csv", **params})

    return corpus


def rows_of(settings):
    listed = listing.read("mine", settings)
    groups = duplicates.find_in(listed)
    return overlaps.tied(duplicates.resolve(listed.rows, groups, settings.duplicates, "mine", settings.root))


def test_each_part_is_an_utterance(corpus, tmp_path):
    rows = rows_of(corpus("talk.wav,sad,a,1.5,2.25\ntalk.wav,happy,b,4,\ntalk.wav,angry,a,,1\nchat.flac,sad,b,,\n"))
    told = [(row.key, row.emotion, row.speaker, row.start, row.end, row.length, row.twin) for row in rows]
    assert told == [
        ("chat", "sad", "b", None, None, 6.0, ""),
        ("talk#00000000-00001000", "angry", "a", None, 1.0, 1.0, ""),
        ("talk#00001500-00002250", "sad", "a", 1.5, 2.25, 0.75, ""),
        ("talk#00004000-end", "happy", "b", 4.0, None, 2.0, ""),
    ]
    assert len({row.sha256 for row in rows}) == 2
    manifest.write(tmp_path / "m.jsonl", rows)
    assert manifest.read(tmp_path / "m.jsonl") == rows
    assert '"start"' not in (tmp_path / "m.jsonl").read_text().splitlines()[0]


def test_what_overlaps_is_one_recording_and_what_touches_is_not(corpus):
    rows = rows_of(
        corpus(
            "talk.wav,sad,a,0,1\ntalk.wav,happy,b,1,2\ntalk.wav,sad,b,1.9,4\ntalk.wav,sad,a,3,6\nchat.flac,sad,b,,1\n"
        )
    )
    first = "talk#00001000-00002000"
    assert [row.twin for row in rows] == ["", "", "", first, first]
    plain = [manifest.Row(**{**vars(row), "twin": ""}) for row in rows]
    assert [*contents(plain).values()] == [rows[0].key, rows[1].key, first, first, first]


def test_files_of_the_same_bytes_are_one_file(corpus):
    settings = corpus("talk.wav,sad,a,0,2\ntalk.wav,sad,a,2,4\nchat.wav,sad,a,1,1.9\n", copy=True)
    Path(settings.root / "chat.wav").write_bytes((settings.root / "talk.wav").read_bytes())
    assert [row.twin for row in rows_of(settings)] == ["", "chat#00001000-00001900", ""]


def test_parts_of_the_same_sound_are_twins(corpus):
    settings = corpus("talk.wav,sad,a,1,3\nchat.flac,sad,a,1,3\n", copy=True)
    assert [row.twin for row in rows_of(settings)] == ["", "chat#00001000-00003000"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("talk.wav,sad,a,1,nan", "line 3: end must be seconds from the beginning of the file, 0 to 86400; it is nan"),
        ("talk.wav,sad,a,-1,2", "line 3: start must be seconds from the beginning of the file, 0 to 86400; it is -1"),
        ("talk.wav,sad,a,2,1", "line 3: end must be after start; it is 1, and start is 2"),
        ('talk.wav,sad,a,"1,5",2', "line 3: start must be a number of seconds, as 12.34; it is '1,5'"),
        ("talk.wav,happy,a,0,1.0001", "lists talk.wav from 0 to 1.0001 s as line 2 does, as 'sad' and as 'happy'"),
        ("talk.wav,sad,a,5,7", "talk.wav from 5 to 7 s: the file has 6 s; mend labels.csv, line 3"),
        ("talk.wav,happy,a,0.05,1", "is the same recording as"),
    ],
)
def test_mistakes_are_named_with_their_line(line, says, corpus):
    with pytest.raises(UserError) as caught:
        rows_of(corpus(f"talk.wav,sad,a,0,1\n{line}\n"))
    assert says in str(caught.value)


def test_bad_parts_are_left_out_and_the_others_of_the_file_stay(corpus):
    listed = listing.read("mine", corpus("talk.wav,sad,a,0,1\ntalk.wav,sad,a,5,7\n", on_bad_audio="skip"))
    assert [row.key for row in listed.rows] == ["talk#00000000-00001000"]
    assert listed.left_out.bad_audio == {"talk.wav from 5 to 7 s": "the file has 6 s; mend labels.csv, line 3"}


def test_a_manifest_of_parts_is_extracted_as_the_files_cut_by_hand(corpus, tmp_path, monkeypatch):
    settings = corpus("chat.flac,sad,a,1,2.5\ntalk.wav,sad,a,0.1,1\nchat.flac,sad,a,3,4\n")
    manifest.write(settings.root / "list.jsonl", rows_of(settings))
    (tmp_path / "hand").mkdir()
    for name, key, start, end in [
        ("talk.wav", "talk#00000100-00001000", 0.1, 1),
        ("chat.flac", "chat#00001000-00002500", 1, 2.5),
        ("chat.flac", "chat#00003000-00004000", 3, 4),
    ]:
        samples = soundfile.read(settings.root / name)[0][round(start * 16000) : round(end * 16000)]
        soundfile.write(tmp_path / f"hand/{key}.wav", samples, 16000)
    monkeypatch.chdir(tmp_path)
    for given, out in (("c/list.jsonl", "parts.h5"), ("hand", "hand.h5")):
        assert CliRunner().invoke(main, ["extract", "mfcc", given, "--out", out]).exit_code == 0
    parts, hand = FeatureFile("parts.h5"), FeatureFile("hand.h5")
    assert parts.keys == hand.keys
    assert [parts.row(i).tolist() for i in range(3)] == [hand.row(i).tolist() for i in range(3)]
