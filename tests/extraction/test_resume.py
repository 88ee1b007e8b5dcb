"""Extraction that is killed, through the commands themselves: it goes on, and ends with the same bytes."""

import json
import os
import random
import signal
import time

import numpy as np
import pytest
import soundfile
from recorded import record, ser, start
from twenty_utterances import TWENTY, pcm, runner

from pipeline.extraction import computation
from pipeline.extraction.assembly import Assembly
from pipeline.extraction.extraction import Summary
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.journal import Journal, left_plan, save_piece

pytestmark = pytest.mark.slow

posix = pytest.mark.skipif(os.name != "posix", reason="signals and file-size limits are POSIX's")


@pytest.fixture
def run(tmp_path):
    return runner(tmp_path)


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


def test_audio_is_not_left_behind(tmp_path):
    """`ser extract` writes the audio beside the output, for the while of the run."""
    recordings = record(tmp_path / "recordings", 3)
    soundfile.write(recordings / "000.wav", np.zeros(0, np.int16), 16000)
    code, _, err = ser("extract", "toy", recordings, "--out", tmp_path / "out.h5")
    assert code == 1
    assert "000.wav: holds no audio samples" in err
    assert [path.name for path in tmp_path.iterdir()] == ["recordings"]
