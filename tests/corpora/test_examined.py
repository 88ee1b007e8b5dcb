"""A corpus that grows is not decoded whole: what recordings are is known by their bytes."""

import json
from dataclasses import astuple

import numpy as np
import pytest
import soundfile
from conftest import tone
from in_process import stage

from pipeline import paths
from pipeline.audio.known_audio import identity as identity_of
from pipeline.audio.known_audio import source_name
from pipeline.corpora import examined, listing
from pipeline.graph import code

PARAMS = "corpora:\n  mine: {reader: folder, root: corpus}\n"


@pytest.fixture
def decoded(tmp_path, monkeypatch):
    """The names of the files that were decoded, in a project of three recordings."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    for emotion, name, seconds in (("sad", "b", 0.5), ("sad", "c", 0.6), ("happy", "a", 0.4)):
        add(tmp_path / f"corpus/{emotion}/{name}.wav", seconds)
    names: list[str] = []
    examine = listing.examine_segments

    def counted(segments):
        names.append(segments[0].path.name)
        return examine(segments)

    monkeypatch.setattr(listing, "examine_segments", counted)
    return names


def add(path, seconds, frequency=220):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(seconds, rate=16000) * np.linspace(0.2, 1, round(16000 * seconds)), 16000)


def made():
    done = stage("manifest", "mine")
    assert done.exit_code == 0, done.output
    outputs = paths.manifest("mine"), paths.fingerprints("mine"), paths.corpus_report("mine")
    return [done.output, *(path.read_bytes() for path in outputs)]


def test_only_what_is_new_is_decoded_and_the_files_are_the_same(decoded, tmp_path):
    first = made()
    assert sorted(decoded) == ["a.wav", "b.wav", "c.wav"]
    decoded.clear()
    assert made() == first
    assert decoded == []
    add(tmp_path / "corpus/happy/d.wav", 0.7)
    (tmp_path / "corpus/sad/b.wav").rename(tmp_path / "corpus/sad/moved.wav")
    grown = made()
    assert decoded == ["d.wav"]
    paths.examined("mine").unlink()
    assert made() == grown
    assert len(decoded) == 5


def test_a_recording_with_other_bytes_is_decoded_again(decoded, tmp_path):
    made()
    decoded.clear()
    add(tmp_path / "corpus/sad/b.wav", 0.8)
    made()
    assert decoded == ["b.wav"]


def test_other_code_knows_nothing(decoded, monkeypatch):
    made()
    decoded.clear()
    monkeypatch.setattr("stages.manifest.code_digest", lambda _: "other")
    made()
    assert len(decoded) == 3


@pytest.mark.parametrize("damage", [b"", b"no safetensors", None])
def test_a_damaged_file_is_as_none(decoded, damage):
    first = made()
    path = paths.examined("mine")
    path.write_bytes(path.read_bytes()[:-9] if damage is None else damage)
    decoded.clear()
    assert made() == first
    assert len(decoded) == 3


def test_the_digest_is_of_what_examines():
    lines = code.closure([code.PACKAGE / "audio/examination.py"])
    assert code.PACKAGE / "audio/fingerprint.py" in lines
    assert code.PACKAGE / "audio/decoding.py" in lines
    assert len(code.code_digest("audio/examination.py")) == 64


def test_what_is_kept_comes_back_as_it_was(decoded):
    made()
    known = examined.read("mine", identity := identity_of(code.code_digest("audio/examination.py")))
    assert json.loads(identity)[0] == code.code_digest("audio/examination.py")
    rows = listing.read("mine", listing.CorpusParams(reader="folder", root="corpus"))
    for row in rows.rows:
        own = known[source_name(row.sha256, row.source(paths.DATA))]
        assert astuple(own.measures) == astuple(rows.examinations[row.key].measures)
        assert own.fingerprint.digest == rows.examinations[row.key].fingerprint.digest
        assert np.array_equal(own.fingerprint.words, rows.examinations[row.key].fingerprint.words)
