"""Extraction and training that are killed, fill the disk, or find damaged files, through the commands themselves."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from recorded import TESTS, record, ser, start
from safetensors.numpy import load_file
from toy_extractor import Toy, ToyParams

from pipeline.audio.audio_file import write_audio
from pipeline.errors import UserError
from pipeline.extraction import computation, extraction
from pipeline.extraction.assembly import Assembly
from pipeline.extraction.extraction import Summary
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.journal import Journal, left_plan, save_piece

posix = pytest.mark.skipif(os.name != "posix", reason="signals and file-size limits are POSIX's")


def pcm(i):
    return np.random.default_rng(i).integers(-9999, 9999, 300 + 40 * (i * 7 % 20)).astype(np.int16)


TWENTY = {f"u{i:02d}": pcm(i) for i in range(20)}


class Interrupted(Toy):
    """The toy, until so many batches are done."""

    after = 3

    def extract(self, waves):
        if not self.after:
            raise KeyboardInterrupt
        self.after -= 1
        return super().extract(waves)


@pytest.fixture
def run(tmp_path):
    """Extract utterances (key -> samples) to a file; interrupted after some batches if asked."""

    def run(utterances, out="out.h5", after=None, seconds=0.1, compression=None, **params):
        audio = tmp_path / "audio.h5"
        write_audio(audio, "mine", 16000, list(utterances.items()))
        toy = (Toy if after is None else Interrupted)(ToyParams(**params))
        toy.after, toy.batch_seconds = after, seconds
        if after is None:
            return extraction.extract(toy, FeatureFile(audio), tmp_path / out, "mine", compression=compression)
        with pytest.raises(KeyboardInterrupt):
            extraction.extract(toy, FeatureFile(audio), tmp_path / out, "mine", compression=compression)
        return None

    return run


# Killed


@posix
def test_killed_at_random_moments_it_ends_with_the_same_bytes(tmp_path):
    recordings = record(tmp_path / "recordings", 40)
    said = ("extract", "toy", recordings, "--set", "pause=0.03", "--out")
    assert ser(*said, tmp_path / "straight.h5")[0] == 0

    chance, out = random.Random(0), tmp_path / "out.h5"
    parts, begun = tmp_path / "out.h5.parts", []
    for _ in range(5):
        begun.append(len(list(parts.glob("*/*.safetensors"))))
        process = start(*said, out)
        while process.poll() is None and len(list(parts.glob("*/*.safetensors"))) == begun[-1]:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.06))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not out.exists()
    assert begun == sorted(set(begun))  # each run came further
    code, told, _ = ser(*said, out)
    assert code == 0
    assert "before the run was interrupted" in told
    assert out.read_bytes() == (tmp_path / "straight.h5").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.h5", "recordings", "straight.h5"]


@pytest.mark.parametrize("says_frames", [True, False])
@pytest.mark.parametrize("moment", ["add", "_put", "_runs", "__exit__"])
def test_stopped_while_the_file_is_written(run, tmp_path, monkeypatch, moment, says_frames):
    """Whether it is written beside the computing or after it."""
    run(TWENTY, "straight.h5", says_frames=says_frames)
    with monkeypatch.context() as stopped:

        def stop(*values, **named):
            raise KeyboardInterrupt

        stopped.setattr(Assembly, moment, stop)
        with pytest.raises(KeyboardInterrupt):
            run(TWENTY, says_frames=says_frames)
    assert not (tmp_path / "out.h5").exists()
    done = run(TWENTY, says_frames=says_frames)
    assert (done.computed, done.reused) == (20, 0)
    assert done.resumed > 0
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()


def test_the_file_does_not_depend_on_the_order_in_which_pieces_are_finished(run, tmp_path, monkeypatch):
    """Compressed chunks, too, which lie in the file as they are written."""
    twice = {**TWENTY, "again": TWENTY["u07"], "more": TWENTY["u19"]}
    compute = computation._compute_here

    def backwards(*values):
        return reversed([*compute(*values)])

    for compression in (None, "gzip"):
        run(twice, "straight.h5", compression=compression)
        run(twice, "at_end.h5", compression=compression, says_frames=False)
        with monkeypatch.context() as shuffled:
            shuffled.setattr(computation, "_compute_here", backwards)
            run(twice, compression=compression)
        straight, at_end, mixed = (FeatureFile(tmp_path / f"{name}.h5") for name in ("straight", "at_end", "out"))
        assert mixed.path.read_bytes() == straight.path.read_bytes()
        for name, values in straight.streams.items():
            np.testing.assert_array_equal(values, at_end.streams[name])
        for key, again in (("u07", "again"), ("u19", "more")):
            one, other = straight.index([key, again])
            np.testing.assert_array_equal(straight.row(one), straight.row(other))
        mixed.path.unlink()
        straight.path.unlink()
        at_end.path.unlink()


def test_what_a_killed_run_left_is_removed(run, tmp_path):
    run(TWENTY)
    left = [
        ".out.h5.4711.tmp",
        ".out.h5.audio.4711.tmp",
        "out.h5.parts/000001.abc.safetensors",
        "out.h5.parts/old/000001.safetensors",
    ]
    for name in left:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"left")
    assert run(TWENTY) == Summary(0, 20, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audio.h5", "out.h5"]


def test_a_name_with_brackets_is_no_pattern(tmp_path):
    left = tmp_path / ".a[1].h5.4711.tmp"
    left.write_bytes(b"left")
    Journal(tmp_path / "a[1].h5", "plan").remove()
    assert list(tmp_path.iterdir()) == []


# The plan of batches


def test_a_resumed_run_keeps_the_plan(run, tmp_path):
    run(TWENTY, "straight.h5")
    run(TWENTY, after=3)
    summary = run(TWENTY, seconds=0.02)
    assert summary.resumed >= 3
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()


def test_finished_batches_serve_when_the_corpus_has_changed_meanwhile(run, tmp_path):
    run(TWENTY, after=3)
    plan, finished = left_plan(tmp_path / "out.h5")
    done = sum(len(batch) for number, batch in enumerate(json.loads(plan)) if number in finished)
    assert run({**TWENTY, "new": pcm(77)}) == Summary(21, 0, done)
    file = FeatureFile(tmp_path / "out.h5")
    assert file.keys == [*TWENTY, "new"]
    for i, samples in enumerate([*TWENTY.values(), pcm(77)]):
        np.testing.assert_array_equal(file.row(i).ravel(), samples[: len(samples) // 100 * 100] / np.float32(32768))


def test_batches_with_an_utterance_that_is_gone_are_computed_again(run, tmp_path):
    run(TWENTY, after=3)
    longest = max(TWENTY, key=lambda key: len(TWENTY[key]))  # is in the first batch
    left = {key: samples for key, samples in TWENTY.items() if key != longest}
    summary = run(left)
    assert 0 < summary.resumed < 19
    file = FeatureFile(tmp_path / "out.h5")
    assert file.keys == list(left)
    for i, samples in enumerate(left.values()):
        np.testing.assert_array_equal(file.row(i).ravel(), samples[: len(samples) // 100 * 100] / np.float32(32768))


def test_what_a_lost_worker_writes_late_is_not_used(run, tmp_path):
    run(TWENTY, after=2)
    (late,) = (tmp_path / "out.h5.parts").iterdir()
    other = {key: samples[::-1] for key, samples in TWENTY.items()}
    run(other, after=1)
    piece = {"frames": np.array([1]), "stream values": np.zeros((1, 100)), "stream batch": np.zeros((1, 1))}
    save_piece(late, 5, piece)
    run(other)
    run(other, "straight.h5")
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()
    assert not (tmp_path / "out.h5.parts").exists()


# Damage

DAMAGES = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "last byte gone": lambda data: data[:-1],
    "first bit": lambda data: flip(data, 0),
    "header bit": lambda data: flip(data, data.index(b"ser-features/1") + 3),
    "params bit": lambda data: flip(data, data.index(b'"pause":0.0') + 8),
    "value bit": lambda data: flip(data, len(data) - 2000),
    "late bit": lambda data: flip(data, len(data) - 500),
}


def flip(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_output_is_made_again(run, tmp_path, damage):
    run(TWENTY)
    good = (tmp_path / "out.h5").read_bytes()
    (tmp_path / "out.h5").write_bytes(damage(good))
    summary = run(TWENTY)
    assert summary == Summary(20, 0, 0, damaged=True)
    assert str(summary) == "computed 20, reused 0; the previous file was damaged"
    assert (tmp_path / "out.h5").read_bytes() == good


def test_a_bit_flipped_anywhere_is_found_or_changes_nothing(run, tmp_path):
    run(TWENTY)
    good, chance = (tmp_path / "out.h5").read_bytes(), random.Random(1)
    expected = FeatureFile(tmp_path / "out.h5")
    values = {name: np.array(stream) for name, stream in expected.streams.items()}
    found = 0
    for place in [*chance.sample(range(len(good)), 150), *chance.sample(range(3000), 100)]:
        (tmp_path / "out.h5").unlink()
        (tmp_path / "out.h5").write_bytes(flip(good, place))
        try:
            file = FeatureFile(tmp_path / "out.h5")
            file.verify()
        except UserError:
            found += 1
        else:
            assert (file.keys, file.header) == (expected.keys, expected.header)
            np.testing.assert_array_equal(file.digests, expected.digests)
            for name, stream in values.items():
                np.testing.assert_array_equal(file.streams[name], stream)
    assert found > 100


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-1], lambda data: flip(data, len(data) // 2)],
                         ids=["empty", "cut", "bit"])  # fmt: skip
def test_a_damaged_part_is_computed_again(run, tmp_path, damage):
    run(TWENTY, "straight.h5")
    run(TWENTY, after=4)
    parts = sorted((tmp_path / "out.h5.parts").glob("*/*.safetensors"))
    assert len(parts) == 4
    kept = sum(len(load_file(path)["frames"]) for path in parts if path != parts[1])
    parts[1].write_bytes(damage(parts[1].read_bytes()))
    assert run(TWENTY) == Summary(20, 0, kept)
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-1], lambda data: b"\xff" + data])
def test_with_a_damaged_plan_all_is_computed_again(run, tmp_path, damage):
    run(TWENTY, "straight.h5")
    run(TWENTY, after=4)
    (plan,) = (tmp_path / "out.h5.parts").glob("*/plan")
    plan.write_bytes(damage(plan.read_bytes()))
    assert run(TWENTY).computed == 20
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()


# A full disk


@posix
@pytest.mark.parametrize("share", [0.01, 0.2, 0.9])
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(tmp_path, share):
    """A file-size limit, below the index of the audio, below the audio, below the features."""
    recordings = record(tmp_path / "recordings", 30)
    straight, out = tmp_path / "straight.h5", tmp_path / "out.h5"
    assert ser("extract", "toy", recordings, "--out", straight)[0] == 0
    code, _, err = ser("extract", "toy", recordings, "--out", out, limit=int(share * straight.stat().st_size))
    assert code == 1
    assert err.count("\n") == 1
    assert err.startswith(f"error: {out}")
    assert "file too large; make room and run again, to go on" in err
    assert not out.exists()
    assert not list(tmp_path.glob(".*"))
    code, said, _ = ser("extract", "toy", recordings, "--out", out)
    assert code == 0
    assert ("before the run was interrupted)" in said) == (share > 0.5)
    assert out.read_bytes() == straight.read_bytes()


@posix
def test_a_disk_that_is_full_before_the_first_part_is_whole(run, tmp_path):
    import resource

    run(TWENTY)
    before = (tmp_path / "out.h5").read_bytes()
    new = {key: samples[::-1] for key, samples in TWENTY.items()}
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)

    def compute(*values):
        resource.setrlimit(resource.RLIMIT_FSIZE, (2500, most))
        return calculate(*values)

    calculate = computation._compute_here
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(computation, "_compute_here", compute)
        try:
            with pytest.raises(
                UserError, match=r"000\d+\..*safetensors: file too large; make room and run again, to go on$"
            ):
                run(new)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert (tmp_path / "out.h5").read_bytes() == before
    assert not list((tmp_path / "out.h5.parts").glob("*/.*"))
    run(new)
    run(new, "straight.h5")
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()


# Links to DVC's cache


@pytest.mark.parametrize("link", ["hardlink_to", "symlink_to"])
def test_a_linked_read_only_output_is_never_written_through(run, tmp_path, link):
    run(TWENTY)
    cached = tmp_path / "cached.h5"
    (tmp_path / "out.h5").rename(cached)
    cached.chmod(0o444)
    getattr(tmp_path / "out.h5", link)(cached)
    before = cached.read_bytes()
    assert run({**TWENTY, "new": pcm(77)}) == Summary(1, 20, 0)
    assert cached.read_bytes() == before
    assert len(FeatureFile(tmp_path / "out.h5")) == 21
    assert not (tmp_path / "out.h5").is_symlink()


STAGE = """\
stages:
  toy:
    cmd: "{python} -m toy_extractor extract toy recordings --out out.h5"
    deps: [recordings]
    outs: [out.h5: {{persist: true}}]
"""


@pytest.mark.parametrize("kind", ["copy", "hardlink", "symlink"])
def test_dvc_with_every_link_type(tmp_path, kind):
    """A reflink, which few filesystems have, is a copy to its readers and writers."""
    record(tmp_path / "recordings", 12)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text(f"[core]\n no_scm = true\n analytics = false\n[cache]\n type = {kind}\n")
    (tmp_path / "dvc.yaml").write_text(STAGE.format(python=sys.executable))

    def repro():
        done = subprocess.run(
            [sys.executable, "-m", "dvc", "repro"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert "computed 12, reused 0" in repro()
    out = tmp_path / "out.h5"
    assert {"copy": out.stat().st_nlink == 1, "hardlink": out.stat().st_nlink == 2, "symlink": out.is_symlink()}[kind]
    record(tmp_path / "recordings", 1, first=12)
    assert "computed 1, reused 12" in repro()
    cached = [path for path in (tmp_path / ".dvc/cache/files/md5").rglob("*") if path.is_file()]
    assert len(cached) >= 2
    for path in cached:
        if path.suffix != ".dir":
            assert hashlib.md5(path.read_bytes()).hexdigest() == path.parent.name + path.name
    assert len(FeatureFile(out)) == 13


# Training

TRAIN = """\
import json, os, signal, sys
from pathlib import Path

import numpy as np
from feature_files import corpus, write_features

from pipeline.config.protocols import LeaveOneSpeakerOut
from pipeline.strict import Strict
from pipeline.experiments.cross_validation import Experiment, cross_validate

kill_at = int(sys.argv[2])
fits = 0


class Params(Strict):
    epochs: int = 1


class Model:
    def __init__(self, params, seed, device):
        pass

    def fit(self, X, y, validation, on_epoch):
        global fits
        if fits == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        fits += 1
        self.classes_, self.mean = np.unique(y), float(np.mean([rows.mean() for rows in X.arrays("logmel")]))
        self.history_ = [{"epoch": 1, "train_loss": self.mean}]
        return self

    def predict_proba(self, X):
        return np.tile([self.mean, 1 - self.mean], (len(X), 1))

    def save(self, path):
        path.write_text(repr(self.mean))

    def parameter_count(self):
        return 1


rows = corpus(speakers=5, emotions=("angry", "sad"))
values = {row.key: np.random.default_rng(i).random((3, 2), np.float32) for i, row in enumerate(rows)}
file = write_features(Path("features.h5"), values)
protocol = LeaveOneSpeakerOut(scheme="leave_one_speaker_out")
experiment = Experiment("toy", "toy", Model, Params(), protocol, rows, {"logmel": file}, {}, 0)
found, _ = cross_validate(experiment, Path(sys.argv[1]) / "models")
found.write(Path(sys.argv[1]) / "predictions")
print(fits)
"""


@posix
def test_a_killed_cross_validation_goes_on_at_the_unfinished_fold(tmp_path):
    def train(name, kill_at):
        return subprocess.run(
            [sys.executable, "-c", TRAIN, name, str(kill_at)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
            capture_output=True,
            text=True,
        )

    assert train("straight", -1).stdout.strip() == "5"
    for kill_at in (2, 1):
        assert train("killed", kill_at).returncode == -signal.SIGKILL
        assert not (tmp_path / "killed" / "predictions").exists()
    assert len(list((tmp_path / "killed" / "models.parts").glob("*/*.safetensors"))) == 3
    assert train("killed", -1).stdout.strip() == "2"
    one, other = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("straight", "killed")
    )
    assert one == other
    assert len(one) > 7


def test_audio_is_not_left_behind(tmp_path):
    """`ser extract` writes the audio beside the output, for the while of the run."""
    recordings = record(tmp_path / "recordings", 3)
    soundfile.write(recordings / "000.wav", np.zeros(0, np.int16), 16000)
    code, _, err = ser("extract", "toy", recordings, "--out", tmp_path / "out.h5")
    assert code == 1
    assert "000.wav: holds 0 of 0 samples" in err
    assert [path.name for path in tmp_path.iterdir()] == ["recordings"]
