"""What is in the way of reading a feature file is no damage: it is said in one line, and nothing is computed again."""

import errno
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from feature_files import write_logmel
from recorded import record

from pipeline.cli import main
from pipeline.errors import UserError
from pipeline.storage import obstacles
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.obstacles import DamagedError

HOLD = """\
import h5py, sys
with h5py.File(sys.argv[1], "a", locking=True):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def extract(tmp_path, monkeypatch):
    """`ser extract` of three recordings to out.h5, which is there: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    record(tmp_path / "r", 3)

    def run():
        options = ("--set", "n_mfcc=5", "--set", "n_mels=10", "--set", "n_fft=256", "--set", "hop_length=80")
        done = CliRunner().invoke(main, ["extract", "mfcc", *options, "r", "--out", "out.h5"])
        return done.exit_code, done.stdout, done.stderr

    assert run()[:2] == (0, "out.h5: computed 3, reused 0\n")
    return run


@pytest.fixture
def holder():
    """Open a file for writing, with HDF5's lock, in another process."""
    processes = []

    def hold(path):
        command = [sys.executable, "-c", HOLD, str(path)]
        processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert processes[-1].stdout.readline() == "open\n"
        return processes[-1]

    yield hold
    for process in processes:
        process.kill()
        process.communicate()


def failing(monkeypatch, error):
    def fail(*values, **named):
        raise error

    monkeypatch.setattr(obstacles.h5py, "File", fail)


def written(path):
    """What a write to a file would change; reading it changes its time of access."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENOLCK, "cannot be locked (No locks available); set HDF5_USE_FILE_LOCKING=FALSE and run again"),
        (errno.EAGAIN, "is in use by another program (Resource temporarily unavailable); run again when that"),
        (errno.EACCES, "(Permission denied)"),
        (errno.EBUSY, "is in use by another program (Device or resource busy)"),
        (errno.EIO, "cannot be read (Input/output error); it may be whole: run again when the disk or network is well"),
        (errno.ESTALE, "cannot be read (Stale file handle)"),
        (errno.EMFILE, "cannot be read (Too many open files)"),
    ],
)
def test_what_the_system_refuses_is_no_damage(extract, tmp_path, monkeypatch, code, reason):
    before = written(tmp_path / "out.h5")
    with monkeypatch.context() as refused:
        failing(refused, OSError(code, "Unable to synchronously open file"))
        with pytest.raises(UserError, match=f"^{tmp_path}") as caught:
            FeatureFile(tmp_path / "out.h5")
        assert reason in str(caught.value)
        assert not isinstance(caught.value, DamagedError)
    opened, calls = h5py.File, []

    def only_ours_fails(path, *values, **named):
        calls.append(path)
        if str(path) == "out.h5":
            raise OSError(code, "Unable to synchronously open file")
        return opened(path, *values, **named)

    monkeypatch.setattr(obstacles.h5py, "File", only_ours_fails)
    code, out, err = extract()
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("error: out.h5: ")
    assert reason in err
    assert written(tmp_path / "out.h5") == before
    assert calls


def test_a_file_that_another_program_writes_is_refused_until_that_has_ended(extract, tmp_path, holder):
    writer = holder(tmp_path / "out.h5")
    code, out, err = extract()
    assert (code, out) == (1, "")
    assert err == (
        "error: out.h5: is open for writing in another program; close it there (`h5clear -s` mends it if that was "
        "killed)\n"
    )
    writer.communicate("")
    assert extract() == (0, "out.h5: computed 0, reused 3\n", "")


def test_a_file_that_another_program_locks_is_read(tmp_path, holder):
    """One whose version of HDF5 leaves no mark, as h5py's usual."""
    file = write_logmel(tmp_path / "out.h5", ["a", "b"])
    with h5py.File(tmp_path / "copy.h5", "w") as copy, h5py.File(file.path) as original:
        for name in original:
            original.copy(name, copy)
        copy.attrs.update(original.attrs)
    holder(tmp_path / "copy.h5")
    read = FeatureFile(tmp_path / "copy.h5")
    np.testing.assert_array_equal(read.row(1), file.row(1))
    read.verify()


def test_where_the_user_wants_locks_a_held_file_is_no_damage(tmp_path, holder):
    file = write_logmel(tmp_path / "out.h5", ["a", "b"])
    holder(file.path)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "inspect", str(file.path)],
        env={**os.environ, "HDF5_USE_FILE_LOCKING": "TRUE"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: {file.path}: is in use by another program (Resource temporarily unavailable); run again when that has "
        "ended\n"
    )


def test_what_a_file_holds_is_damage(tmp_path):
    file = write_logmel(tmp_path / "out.h5", ["a", "b"])
    data = file.path.read_bytes()
    for damaged in (
        b"",
        data[:-1],
        data[: len(data) // 2],
        data.replace(b"ser-features/1", b"ser-features/2"),
        b"text" * 2000,
    ):
        file.path.unlink()
        file.path.write_bytes(damaged)
        with pytest.raises(DamagedError):
            FeatureFile(file.path).verify()
