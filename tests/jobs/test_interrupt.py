"""Ctrl-C, SIGTERM, a full output: one line, no traceback, nothing half done is kept, and the next run goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from feature_files import corpus, write_features
from recorded import TESTS, record, ser
from worker_processes import children

from pipeline.config.protocols import LeaveOneSpeakerOut
from pipeline.experiments.cross_validation import Experiment, cross_validate
from pipeline.jobs.progress import Progress
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.journal import left_plan
from pipeline.systems import find_system

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux's process table"),
    pytest.mark.slow,
]

LINE = "interrupted; run again to go on\n"


@pytest.fixture(autouse=True)
def listening():
    """Tests that run in the background of a shell would have Ctrl-C ignored, here and in what they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def begin(tmp_path):
    """Start `ser extract` of the toy as a terminal does, in a process group of its own, with `workers`."""
    recordings, started = record(tmp_path / "recordings", 30), []

    def begin(out, workers, pause):
        arguments = ("extract", "toy", recordings, "--workers", workers, "--set", f"pause={pause}", "--out", out)
        process = subprocess.Popen(
            [sys.executable, "-m", "toy_extractor", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process, arguments

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(true, process, seconds=60):
    deadline = time.monotonic() + seconds
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def stop(process, number):
    """Send a signal to the whole group: exit code, standard output and error, and the workers that outlive it."""
    workers = children(process.pid)
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=20)
    time.sleep(0.1)
    return process.returncode, out, err, [worker for worker in workers if Path(f"/proc/{worker}").exists()]


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_is_one_line_and_the_next_run_goes_on(begin, tmp_path, workers):
    process, arguments = begin(tmp_path / "out.h5", workers, 0.1)
    until(lambda: list(tmp_path.glob("out.h5.parts/*/*.safetensors")), process)
    assert stop(process, signal.SIGINT) == (130, "", LINE, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.h5.parts", "recordings"]
    code, said, err = ser(*arguments)
    assert (code, err) == (0, "")
    assert "before the run was interrupted" in said


@pytest.mark.parametrize("wait", [0.0, 0.1, 0.3])
def test_ctrl_c_while_workers_start(begin, tmp_path, wait):
    """A worker's imports come before anything that it could do about the signal."""
    process, _ = begin(tmp_path / "out.h5", 2, 0.1)
    until(lambda: children(process.pid), process)
    time.sleep(wait)
    assert stop(process, signal.SIGINT) == (130, "", LINE, [])


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("number", "code", "says"), [(signal.SIGINT, 130, LINE), (signal.SIGTERM, 143, "")])
def test_no_long_task_is_waited_for(begin, tmp_path, workers, number, code, says):
    process, _ = begin(tmp_path / "out.h5", workers, 100)
    until(lambda: list(tmp_path.glob("out.h5.parts/*/plan")), process)
    time.sleep(0.5)
    assert stop(process, number) == (code, "", says, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.h5.parts", "recordings"]
    assert [path.name for path in tmp_path.glob("out.h5.parts/*/*")] == ["plan"]


def test_an_interrupt_that_python_would_lose(tmp_path):
    """Python prints what is raised in a `__del__` and goes on."""
    code = """
import signal, time, click
from pipeline.commands.command import Command

class Loses:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

@click.command(cls=Command)
def main():
    Loses()
    time.sleep(20)
    print("went on")

main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=TESTS.parent, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", LINE)


def test_an_interrupted_fold_is_not_kept(tmp_path, monkeypatch):
    """skorch takes an interrupt for the end of training."""
    rows = corpus(speakers=4, emotions=("angry", "sad"))
    values = {row.key: np.random.default_rng(i).random((9, 16), np.float32) for i, row in enumerate(rows)}
    write_features(tmp_path / "features.h5", values)
    files = {"mfcc": FeatureFile(tmp_path / "features.h5")}
    system = find_system("lstm").load()
    protocol = LeaveOneSpeakerOut(scheme="leave_one_speaker_out")
    experiment = Experiment("toy", "lstm", system, system.Params(epochs=4), protocol, rows, files, {}, 0)
    epochs, update = [], Progress.update

    def interrupt(progress, items=1):
        update(progress, items)
        epochs.append(items)
        if len(epochs) == 6:  # in the second fold
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Progress, "update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(experiment, tmp_path / "models", workers=1)
    assert len(epochs) == 6
    assert left_plan(tmp_path / "models")[1] == {0}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full device")
def test_a_full_output_is_one_line(tmp_path):
    write_features(tmp_path / "good.h5", {"a": np.zeros((3, 2), np.float32)})
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "pipeline.cli", "inspect", str(tmp_path / "good.h5")]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=TESTS.parent, timeout=60)
    assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")
