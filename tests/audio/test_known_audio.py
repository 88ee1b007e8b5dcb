"""A corpus that grows has only its new recordings decoded for its audio, and the files are those of a fresh run."""

import json
import shutil

import numpy as np
import pytest
import soundfile
from conftest import tone
from in_process import stage

from pipeline import paths
from pipeline.audio import audio_file
from pipeline.audio.known_audio import FILE
from pipeline.storage.feature_file import FeatureFile

PARAMS = "corpora:\n  mine: {reader: folder, root: corpus, table: table.csv}\n"
ROWS = ["a.wav,sad,,", "b.wav,happy,,", "talk.wav,sad,0,0.5", "talk.wav,happy,0.5,"]


@pytest.fixture
def decoded(tmp_path, monkeypatch):
    """The names of the files that were decoded, in a project of two recordings and two parts of another."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    for name, seconds in (("a", 0.3), ("b", 0.4), ("talk", 1.2)):
        add(tmp_path / f"corpus/{name}.wav", seconds)
    write_table(tmp_path, ROWS)
    names: list[str] = []
    recording = audio_file.Recording

    def counted(path):
        names.append(path.name)
        return recording(path)

    monkeypatch.setattr(audio_file, "Recording", counted)
    return names


def add(path, seconds):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(seconds, rate=22050) * np.linspace(0.2, 1, round(22050 * seconds)), 22050)


def write_table(folder, rows):
    (folder / "corpus/table.csv").write_text("\n".join(["path,emotion,start,end", *rows, ""]))


def made(*rates):
    assert stage("manifest", "mine").exit_code == 0
    done = stage("audio", "mine", *rates)
    assert done.exit_code == 0, done.output
    return [paths.audio("mine", rate).read_bytes() for rate in rates]


def test_only_what_is_new_is_decoded_and_the_bytes_are_the_same(decoded, tmp_path):
    first = made("16k", "48k")
    assert sorted(decoded) == ["a.wav", "b.wav", "talk.wav"]
    decoded.clear()
    assert made("16k", "48k") == first
    assert decoded == []
    add(tmp_path / "corpus/c.wav", 0.7)
    write_table(tmp_path, ["c.wav,sad,,", ROWS[0], *ROWS[2:]])
    grown = made("16k", "48k")
    assert decoded == ["c.wav"]
    paths.audio("mine", "16k").unlink()
    assert made("16k", "48k") == grown
    assert sorted(decoded) == ["a.wav", "c.wav", "c.wav", "talk.wav"]


def test_what_is_noted_is_the_same_in_whatever_order_recordings_were_decoded(decoded, tmp_path):
    made("16k")
    add(tmp_path / "corpus/0.wav", 0.7)
    write_table(tmp_path, ["0.wav,sad,,", *ROWS])
    made("16k")
    noted = paths.audio("mine", "16k").with_name(FILE)
    grown = noted.read_bytes()
    noted.unlink()
    made("16k")
    assert (noted.read_bytes() == grown, sorted(decoded[-4:])) == (True, ["0.wav", "a.wav", "b.wav", "talk.wav"])


def test_another_part_of_a_file_and_other_bytes_are_decoded(decoded, tmp_path):
    made("16k")
    decoded.clear()
    add(tmp_path / "corpus/a.wav", 0.35)
    write_table(tmp_path, [*ROWS[:2], "talk.wav,sad,0,0.6", "talk.wav,happy,0.6,"])
    made("16k")
    assert sorted(decoded) == ["a.wav", "talk.wav"]


def test_audio_of_which_nothing_has_changed_is_not_written_again(decoded, tmp_path):
    files = [paths.audio("mine", rate) for rate in ("16k", "48k")]
    first = made("16k", "48k")
    places = [file.stat().st_ino for file in files]
    write_table(tmp_path, ["a.wav,happy,,", *ROWS[1:]])
    assert made("16k", "48k") == first
    assert [file.stat().st_ino for file in files] == places
    add(tmp_path / "corpus/the_same.wav", 0.3)
    write_table(tmp_path, [*ROWS, "the_same.wav,sad,,"])
    made("16k", "48k")
    places = [file.stat().st_ino for file in files]
    made("16k", "48k")
    assert [file.stat().st_ino for file in files] == places
    write_table(tmp_path, ROWS[:-1])
    fewer = made("16k", "48k")
    assert [len(FeatureFile(file).keys) for file in files] == [3, 3]
    for file in files:
        file.unlink()
    assert made("16k", "48k") == fewer


def test_audio_of_a_corpus_of_another_name_is_written(decoded, tmp_path):
    made("16k")
    shutil.copytree("data/audio/mine", "data/audio/yours")
    (tmp_path / "params.yaml").write_text(PARAMS.replace("mine", "yours"))
    assert (stage("manifest", "yours").exit_code, stage("audio", "yours", "16k").exit_code) == (0, 0)
    assert FeatureFile(paths.audio("yours", "16k")).header.corpus == "yours"


def test_of_fewer_rates_nothing_is_decoded(decoded, tmp_path):
    first, _ = made("16k", "48k")
    decoded.clear()
    assert (made("16k"), decoded) == ([first], [])


def test_what_is_known_is_not_read(decoded, tmp_path):
    first = made("16k")
    decoded.clear()
    (tmp_path / "corpus/a.wav").unlink()
    assert stage("audio", "mine", "16k").exit_code == 0
    assert (decoded, [paths.audio("mine", "16k").read_bytes()]) == ([], first)


def test_a_new_recording_that_is_no_longer_what_was_listed_is_refused(decoded, tmp_path):
    first = made("16k")
    add(tmp_path / "corpus/c.wav", 0.7)
    write_table(tmp_path, ["c.wav,sad,,", *ROWS])
    assert stage("manifest", "mine").exit_code == 0
    add(tmp_path / "corpus/c.wav", 0.8)
    done = stage("audio", "mine", "16k")
    assert (done.exit_code, done.stderr) == (
        1,
        "error: corpus/c.wav: has changed since it was listed; `dvc repro` lists it anew\n",
    )
    assert [paths.audio("mine", "16k").read_bytes()] == first


def test_rows_are_copied_only_from_what_was_made_alike(tmp_path):
    rows = [
        ("a", np.arange(5, dtype=np.int16)),
        ("b", np.arange(7, dtype=np.int16)),
        ("c", np.arange(2, dtype=np.int16)),
    ]
    audio_file.write_audio(tmp_path / "all.h5", "mine", 16000, rows)
    audio_file.write_audio(tmp_path / "fresh.h5", "mine", 16000, rows[1:])
    file = FeatureFile(tmp_path / "all.h5")
    with audio_file.AudioWriter(tmp_path / "copied.h5", "mine", 16000) as writer:
        writer.add_rows(["b", "c"], file, 1)
    assert (tmp_path / "copied.h5").read_bytes() == (tmp_path / "fresh.h5").read_bytes()
    with (
        pytest.raises(ValueError, match="its samples are not those of"),
        audio_file.AudioWriter(tmp_path / "other.h5", "mine", 48000) as writer,
    ):
        writer.add_rows(["a"], file, 0)
    assert not (tmp_path / "other.h5").exists()


@pytest.mark.parametrize("damage", ["audio", "sources", "code", "rate"])
def test_what_cannot_be_trusted_is_decoded(decoded, monkeypatch, damage):
    first = made("16k")
    audio, sources = paths.audio("mine", "16k"), paths.audio_folder("mine") / FILE
    if damage == "audio":
        data = bytearray(audio.read_bytes())
        data[-100] ^= 1
        audio.write_bytes(data)
    elif damage == "sources":
        sources.write_text(json.dumps({**json.loads(sources.read_text()), "audio": ["other"]}))
    elif damage == "code":
        monkeypatch.setattr("stages.audio.code_digest", lambda _: "other")
    decoded.clear()
    assert made("16k", *(["48k"] if damage == "rate" else []))[:1] == first
    assert len(decoded) == 3
