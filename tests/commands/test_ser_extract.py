"""`ser extract` and `ser inspect`, on files, folders and manifests, and what can go wrong."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from recorded import TESTS, record

from pipeline.cli import main
from pipeline.corpora import manifest
from pipeline.corpora.manifest import Row
from pipeline.storage.feature_file import FeatureFile

PROSODY = ("extract", "prosody")
MFCC = ("extract", "mfcc", "--set", "n_mfcc=5", "--set", "n_mels=10", "--set", "n_fft=256", "--set", "hop_length=80")


def ser(*arguments):
    return CliRunner().invoke(main, [*map(str, arguments)])


def fails(*arguments):
    """The one line that the command fails with, and its exit code."""
    result = ser(*arguments)
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if not line.startswith(("Usage:", "Try ", "\n")) and line]
    assert len(lines) == 1, result.stderr
    return result.exit_code, lines[0]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with recordings at several depths: r/000.wav, r/001.wav, r/deep/er/002.wav."""
    monkeypatch.chdir(tmp_path)
    record(tmp_path / "r", 3)
    (tmp_path / "r" / "deep" / "er").mkdir(parents=True)
    (tmp_path / "r" / "002.wav").rename(tmp_path / "r" / "deep" / "er" / "002.wav")
    return tmp_path


def test_a_folder(folder):
    result = ser(*MFCC, "r", "--out", "new/folder/out.h5")
    assert (result.exit_code, result.stdout) == (0, "new/folder/out.h5: computed 3, reused 0\n")
    file = FeatureFile("new/folder/out.h5")
    assert file.keys == ["000", "001", "deep/er/002"]
    assert (file.header.extractor, file.header.corpus, file.header.params["n_mfcc"]) == ("mfcc", "r", 5)
    assert file.streams["values"].shape[1] == 5
    assert sorted(path.name for path in (folder / "new/folder").iterdir()) == ["out.h5"]


def test_files_have_their_stem_and_can_be_of_any_rate(folder):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (9600, 2))
    soundfile.write("stereo.flac", samples, 48000)
    assert ser(*MFCC, "stereo.flac", "r/000.wav", "r/deep", "--out", "out.h5").exit_code == 0
    file = FeatureFile("out.h5")
    assert file.keys == ["stereo", "000", "er/002"]
    assert file.lengths[0] == 1 + 3200 // 80


def test_a_manifest(folder):
    row = {"dataset": "d", "speaker": "s", "gender": "", "language": "", "emo": "sad", "raw_emo": "sad", "text": "",
           "session": "", "length": 0.02, "sample_rate": 16000, "channel": 1, "sha256": ""}  # fmt: skip
    import json

    rows = [{"key": "second", "wav": "001.wav", **row}, {"key": "first", "wav": "000.wav", **row}]
    (folder / "r" / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert ser(*MFCC, "r/list.jsonl", "--out", "out.h5").exit_code == 0
    assert FeatureFile("out.h5").keys == ["second", "first"]


def test_only_what_is_new_is_computed(folder):
    record(folder / "many", 50)
    assert ser(*MFCC, "many", "--out", "out.h5").stdout == "out.h5: computed 50, reused 0\n"
    before = FeatureFile("out.h5").row(7).copy()
    record(folder / "many", 1, first=99)
    assert ser(*MFCC, "many", "--out", "out.h5").stdout == "out.h5: computed 1, reused 50\n"
    (folder / "many" / "007.wav").rename(folder / "many" / "renamed.wav")
    (folder / "many" / "003.wav").unlink()
    assert ser(*MFCC, "many", "--out", "out.h5").stdout == "out.h5: computed 0, reused 50\n"
    file = FeatureFile("out.h5")
    assert "003" not in file.keys
    np.testing.assert_array_equal(file.row(file.keys.index("renamed")), before)
    assert (
        ser(*(argument.replace("n_mfcc=5", "n_mfcc=6") for argument in MFCC), "many", "--out", "out.h5").stdout
        == "out.h5: computed 50, reused 0\n"
    )


def test_options_reach_the_work(folder):
    told = ("--workers", 2, "--device", "cpu", "--batch-seconds", 0.1, "--compression", "gzip", "--out")
    assert ser("extract", "ssl", "--set", "layers=[1]", "r", *told, "ssl.h5").exit_code == 0
    assert list(FeatureFile("ssl.h5").streams) == ["layer_01"]
    result = ser("inspect", "ssl.h5")
    said = {line[:18].strip(): line[19:] for line in result.stdout.splitlines()}
    assert said["health"].startswith("good")
    assert said["extractor"].startswith("ssl, version ")
    assert '"layers":[1]' in said["params"]
    assert len(said["weights"]) == 64
    assert (said["utterances"], said["frame rate"]) == ("3", "50 Hz, the first at 0.0125 s")
    assert said["stream layer_01"].startswith("float16, ")
    assert said["size"].endswith(" MB")


# What can go wrong


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("extract", "mfccs", "r"), 2, "error: unknown extractor 'mfccs' (did you mean 'mfcc'?); known: "),
        (("extract", "mfcc", "r", "--set", "n_mfc=5"), 2, "error: mfcc.n_mfc: unknown key (did you mean 'n_mfcc'?)"),
        (("extract", "mfcc", "r", "--set", "n_mfcc=five"), 2, "error: mfcc.n_mfcc: "),
        (("extract", "mfcc", "r", "--set", "n_mfcc"), 2, "error: --set 'n_mfcc': expected KEY=VALUE, as n_mels=64"),
        (("extract", "mfcc", "r", "--set", "n_mfcc=[1"), 2, "error: --set n_mfcc"),
        (("extract", "mfcc", "gone"), 1, "error: gone: no such file or folder"),
        (("extract", "mfcc", "text.txt"), 1, "error: text.txt: not a recording ("),
        (("extract", "mfcc", "empty"), 1, "error: folder 'empty' has no audio file ("),
        (("extract", "mfcc", "gone.jsonl"), 1, "error: gone.jsonl: "),
        (("extract", "mfcc", "bad.wav"), 1, "error: bad.wav: cannot be read as audio ("),
        (("extract", "mfcc", "r", "r/000.wav"), 1, "error: r/000.wav: is given twice; give it once"),
        (("extract", "mfcc", "gone.wav"), 1, "error: gone.wav: no such file or folder"),
        (("extract", "mfcc", "/dev/null"), 1, "error: /dev/null: is no regular file; save the sound to a file, or"),
        (("extract", "mfcc"), 2, "Error: Missing argument 'INPUTS...'."),
        (("extract", "mfcc", "r", "--workers", "0"), 2, "Error: Invalid value for '--workers'"),
        (("extract", "mfcc", "r", "--batch-seconds", "0"), 2, "Error: Invalid value for '--batch-seconds'"),
        (("extract", "mfcc", "r", "--compression", "zip"), 2, "Error: Invalid value for '--compression'"),
        (("extract", "ssl", "r", "--device", "tpu9"), 2, "error: device 'tpu9' cannot be used ("),
    ],
)
def test_mistakes(folder, arguments, code, says):
    (folder / "text.txt").write_text("text")
    (folder / "bad.wav").write_bytes(b"RIFFtext")
    (folder / "empty").mkdir()
    found, line = fails(*arguments, "--out", "out.h5")
    assert line.startswith(says)
    assert found == code
    assert sorted(path.name for path in folder.iterdir()) == ["bad.wav", "empty", "r", "text.txt"]


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("r", "--out r: is a folder; name a file, as r/features.h5"),
        ("r/000.wav", "--out r/000.wav: exists, and is not a feature file; give another name, or delete it"),
        ("text.txt", "--out text.txt: exists, and is not a feature file; give another name, or delete it"),
        ("text.txt/out.h5", "--out text.txt/out.h5: nothing can be written there ("),
        ("/proc/out.h5", "--out /proc/out.h5: nothing can be written there ("),
        ("locked/out.h5", "--out locked/out.h5: nothing can be written there ("),
    ],
)
def test_an_output_that_cannot_be(folder, out, says):
    if out.startswith("/proc") and not Path("/proc/self").is_dir():
        pytest.skip("needs Linux's process table")
    if out.startswith("locked") and os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    (folder / "text.txt").write_text("text")
    (folder / "locked").mkdir(mode=0o555)
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    code, line = fails(*PROSODY, "r", "--out", out)
    assert (code, line[: len(says) + 7]) == (1, f"error: {says}")
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("gone.h5", "gone.h5: no such feature file"),
        ("r", "r: cannot be read (Is a directory)"),
        ("r/000.wav", "r/000.wav: not a feature file, or a damaged feature file; give another"),
        ("text.txt", "text.txt: not a feature file, or a damaged feature file; give another"),
        ("empty.h5", "empty.h5: is empty; not a feature file"),
        ("pipe.h5", "pipe.h5: is no regular file, so not a feature file; give another"),
        ("other.h5", "other.h5: not a feature file (its schema is missing, not ser-features/1); give another"),
        ("newer.h5", "newer.h5: not a feature file (its schema is ser-features/9, not ser-features/1); give another"),
        ("other_cut.h5", "other_cut.h5: not a feature file, or a damaged feature file; give another"),
        ("cut.h5", "cut.h5: damaged feature file ("),
        ("bit.h5", "bit.h5: damaged feature file (its checksum is another); delete it and run again"),
    ],
)
def test_inspect_of_what_is_no_whole_feature_file(folder, path, says):
    import h5py

    (folder / "text.txt").write_text("text, and more of it")
    (folder / "empty.h5").touch()
    if path == "pipe.h5":
        os.mkfifo(path)
    with h5py.File("other.h5", "w") as file:
        file["values"] = np.zeros(3000)
    (folder / "other_cut.h5").write_bytes((folder / "other.h5").read_bytes()[:-7])
    with h5py.File("newer.h5", "w") as file:
        file.attrs["schema"] = np.bytes_("ser-features/9")
    if path in ("cut.h5", "bit.h5"):
        assert ser(*MFCC, "r", "--out", "good.h5").exit_code == 0
        whole = (folder / "good.h5").read_bytes()
        (folder / "cut.h5").write_bytes(whole[:-7])
        at = whole.index(FeatureFile("good.h5").row(1).tobytes())
        (folder / "bit.h5").write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
    code, line = fails("inspect", path)
    assert code == 1
    assert line.startswith(f"error: {says}")


def test_the_command_itself(folder):
    """As installed: a process, with its exit code, and no traceback."""

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(TESTS.parent)}
        command = [sys.executable, "-m", "pipeline.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    done = run(*PROSODY, "r", "--out", "out.h5")
    assert (done.returncode, done.stdout) == (0, "out.h5: computed 3, reused 0\n")
    assert "good: the contents have the checksum" in run("inspect", "out.h5").stdout
    done = run(*PROSODY, "gone", "--out", "out.h5")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "error: gone: no such file or folder\n")


def test_a_device_is_used_or_refused(folder):
    assert ser("extract", "stft", "r", "--device", "cpu", "--out", "s.h5").exit_code == 0
    refused = ser("extract", "logmel", "r", "--device", "cuda:99", "--out", "l.h5")
    assert refused.exit_code == 2
    assert "error: device 'cuda:99' cannot be used" in refused.stderr
    refused = ser("extract", "prosody", "r", "--device", "cuda", "--out", "p.h5")
    assert (refused.exit_code, refused.stderr) == (
        2,
        "error: --device cuda: prosody is computed on the CPU; leave the option out\n",
    )
    assert not Path("l.h5").exists()
    assert not Path("p.h5").exists()


def other_hdf5(path, **attributes):
    """Another program's HDF5 file; its bytes."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        file["values"] = np.arange(3000.0)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["out.h5", "out.h5.audio"])
@pytest.mark.parametrize("damage", ["whole", "of a schema", "cut short"])
def test_another_programs_hdf5_file_is_left_alone(folder, name, damage):
    data = other_hdf5(folder / name, **({"schema": "mine"} if damage == "of a schema" else {}))
    if damage == "cut short":
        data = data[:-100]
        (folder / name).write_bytes(data)
    code, line = fails(*PROSODY, "r", "--out", "out.h5")
    assert code == 1
    assert line.startswith("error: --out out.h5: ")
    assert "exists" in line
    assert {path.name: path.read_bytes() for path in folder.glob("out*")} == {name: data}


def test_a_pipe_is_no_output(folder):
    os.mkfifo("pipe.h5")
    code, line = fails(*PROSODY, "r", "--out", "pipe.h5")
    assert (code, line) == (
        1,
        "error: --out pipe.h5: exists, and is not a feature file; give another name, or delete it",
    )
    assert Path("pipe.h5").is_fifo()


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.9])
def test_a_damaged_file_of_ours_is_made_anew(folder, share):
    assert ser(*MFCC, "r", "--out", "out.h5").exit_code == 0
    whole = Path("out.h5").read_bytes()
    Path("out.h5").write_bytes(whole[: int(share * len(whole))])
    Path("out.h5.audio").write_bytes(whole[:20])
    assert ser(*MFCC, "r", "--out", "out.h5").stdout == "out.h5: computed 3, reused 0; the previous file was damaged\n"
    assert Path("out.h5").read_bytes() == whole


def list_recordings(path, *wavs, dataset="mine"):
    """Write a manifest of these files."""
    rows = [Row(Path(wav).stem, dataset, wav, "s", "", "", "sad", "sad", "", "", 0.02, 16000, 1, "") for wav in wavs]
    manifest.write(path, rows)


def test_a_manifest_of_the_project_names_files_below_the_corpus(project):
    assert project.run("stages.manifest", "mine").returncode == 0
    result = ser(*MFCC, "data/manifests/mine.jsonl", "--out", "out.h5")
    assert (result.exit_code, result.stdout) == (0, "out.h5: computed 9, reused 0\n"), result.stderr
    assert FeatureFile("out.h5").keys[0] == "angry/anna_1"
    assert ser(*MFCC, "recordings", "--out", "out.h5").stdout == "out.h5: computed 0, reused 9\n"


def test_files_beside_a_manifest_come_first(project):
    record(project.folder / "recordings/angry", 1)
    record(project.folder / "own", 2)
    (project.folder / "own/000.wav").rename(project.folder / "own/a.wav")
    list_recordings(Path("own/list.jsonl"), "a.wav", "001.wav")
    assert ser(*MFCC, "own/list.jsonl", "--out", "out.h5").exit_code == 0
    assert FeatureFile("out.h5").keys == ["a", "001"]


@pytest.mark.parametrize(
    ("wavs", "dataset", "says"),
    [
        (["gone.wav"], "mine", "gone.wav is not in lists nor in recordings; restore it, or take its row out"),
        (["angry/ben_1.wav", "gone.wav"], "mine", "gone.wav is not in lists nor in recordings; restore it"),
        (["here.wav", "angry/ben_1.wav"], "mine", "angry/ben_1.wav is not in lists; restore it, or take its row out"),
        (["gone.wav"], "other", "gone.wav is not in lists, and params.yaml in the working folder has no corpora.other"),
    ],
)
def test_a_manifest_with_a_file_that_is_not_there(project, wavs, dataset, says):
    record(project.folder / "lists", 1)
    Path("lists/000.wav").rename("lists/here.wav")
    list_recordings(Path("lists/m.jsonl"), *wavs, dataset=dataset)
    code, line = fails(*MFCC, "lists/m.jsonl", "--out", "out.h5")
    assert code == 1
    assert line.startswith(f"error: lists/m.jsonl: {says}")
    assert not Path("out.h5").exists()


def test_a_manifest_with_a_missing_file_and_no_project(folder):
    list_recordings(Path("r/m.jsonl"), "gone.wav")
    code, line = fails(*MFCC, "r/m.jsonl", "--out", "out.h5")
    assert (code, line) == (
        1,
        "error: r/m.jsonl: gone.wav is not in r, and params.yaml in the working folder, whose corpora.mine.root may say"
        " where it is, is not there; put the manifest beside the recordings, or run the command in the project's"
        " folder",
    )


def test_a_recording_too_short_to_have_a_sample(folder):
    soundfile.write("r/short.wav", np.array([0.5]), 96000)
    code, line = fails(*MFCC, "r", "--out", "out.h5")
    assert (code, line) == (
        1,
        "error: r/short.wav: is too short (1 samples at 96000 Hz are none at 16000 Hz); mend or remove the file,"
        " or leave it out: --skip-bad",
    )
    assert sorted(path.name for path in folder.iterdir()) == ["r"]


def test_a_recording_that_is_a_link_to_itself(folder):
    (folder / "r/loop.wav").symlink_to("loop.wav")
    code, line = fails(*MFCC, "r", "--out", "out.h5")
    assert code == 1
    assert line.startswith("error: r/loop.wav: cannot be read as audio (")


def test_another_extractors_features_are_left_alone(folder):
    assert ser(*PROSODY, "r", "--out", "out.h5").exit_code == 0
    before = Path("out.h5").read_bytes()
    code, says = fails(*MFCC, "r/000.wav", "--out", "out.h5")
    assert (code, says) == (1, "error: --out out.h5: has features of prosody; give another name, or delete it")
    assert Path("out.h5").read_bytes() == before
