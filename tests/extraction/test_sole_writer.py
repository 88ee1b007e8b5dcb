"""Two processes that make one output: the second waits for the first, and the bytes are those of one alone."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from recorded import TESTS, record, ser, start

from pipeline.storage import sole_writer as module
from pipeline.storage.sole_writer import sole_writer

posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")

WITHOUT_LOCKS = """\
import errno, fcntl

def none(*values):
    raise OSError(errno.ENOLCK, "No locks available")

fcntl.flock = none
"""

HOLD = """\
import sys
from pathlib import Path
from pipeline.storage.sole_writer import sole_writer
with sole_writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["with locks", "without locks"])
def holder(request, monkeypatch):
    """Hold an output's lock in another process, on a file system that has locks or knows none."""
    before = ""
    if request.param == "without locks":
        before = WITHOUT_LOCKS
        fcntl = pytest.importorskip("fcntl")

        def none(*values):
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(fcntl, "flock", none)

    def hold(out):
        process = subprocess.Popen(
            [sys.executable, "-c", before + HOLD, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(TESTS.parent)},
        )  # fmt: skip
        assert process.stdout.readline() == "held\n"
        return process

    return hold


def test_the_second_waits_for_the_first_and_names_it(tmp_path, holder, capsys):
    first = holder(tmp_path / "out.h5")
    end = threading.Timer(0.5, first.communicate, [""])
    end.start()
    begun = time.monotonic()
    with sole_writer(tmp_path / "out.h5"):
        assert time.monotonic() - begun > 0.4
        assert [path.name[:7] for path in tmp_path.iterdir()] == [".out.h5"]
    assert f"out.h5: waiting for process {first.pid} of " in capsys.readouterr().err
    end.join()
    assert list(tmp_path.iterdir()) == []


@posix
def test_the_lock_of_a_killed_process_is_none(tmp_path, holder, capsys):
    first = holder(tmp_path / "out.h5")
    first.kill()
    first.communicate()
    assert len(list(tmp_path.iterdir())) == 1
    begun = time.monotonic()
    with sole_writer(tmp_path / "out.h5"):
        assert time.monotonic() - begun < 5
    assert list(tmp_path.iterdir()) == []


def test_other_outputs_do_not_wait(tmp_path, holder, capsys):
    first = holder(tmp_path / "out.h5")
    with sole_writer(tmp_path / "out.h5.audio"), sole_writer(tmp_path / "out"):
        pass
    assert capsys.readouterr().err == ""
    first.communicate()


def test_an_error_other_than_missing_locks_is_not_hidden(tmp_path, monkeypatch):
    def refuse(*values, **named):
        raise PermissionError(errno.EACCES, "Permission denied", "x")

    monkeypatch.setattr(module.FileLock, "acquire", refuse)
    with pytest.raises(PermissionError), sole_writer(tmp_path / "out.h5"):
        pass


@pytest.mark.slow
def test_two_extractions_to_one_output_end_with_the_bytes_of_one(tmp_path):
    recordings = record(tmp_path / "recordings", 5)
    said = ("extract", "toy", recordings, "--set", "pause=1.5", "--out")
    assert ser(*said, tmp_path / "straight.h5")[0] == 0
    first = start(*said, tmp_path / "out.h5")
    while not (tmp_path / ".out.h5.lock").exists() and first.poll() is None:
        time.sleep(0.01)
    second = start(*said, tmp_path / "out.h5")
    (one, one_err), (other, other_err) = first.communicate(timeout=60), second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0), one_err + other_err
    assert one.endswith("computed 5, reused 0\n")
    assert other.endswith("computed 0, reused 5\n")
    assert f"waiting for process {first.pid} of " in other_err
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.h5", "recordings", "straight.h5"]


@posix
@pytest.mark.slow
def test_the_second_goes_on_where_the_first_was_killed(tmp_path):
    recordings = record(tmp_path / "recordings", 12)
    said = ("extract", "toy", recordings, "--set", "pause=0.8", "--out", tmp_path / "out.h5")
    first = start(*said)
    while not list(tmp_path.glob("out.h5.parts/*/*.safetensors")) and first.poll() is None:
        time.sleep(0.01)
    second = start(*said)
    line = second.stderr.readline()
    assert "waiting for process" in line
    first.send_signal(signal.SIGKILL)
    first.communicate()
    out, _ = second.communicate(timeout=60)
    assert second.returncode == 0
    assert "before the run was interrupted" in out
