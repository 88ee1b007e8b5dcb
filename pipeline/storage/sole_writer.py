"""One process at a time makes an output; a second one waits, and says for whom.

The lock file `.NAME.lock` lies beside the output, and the system's lock on it ends with its process, however that ends.
Where a file system has no locks, a file `.NAME.owner` that names the process is the lock; that of a process which is
gone is recognised on its own machine.
"""

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from pipeline.errors import UserError

WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)
"""what a file system without locks answers"""
POLL_SECONDS = 0.1


@contextmanager
def sole_writer(out: Path) -> Iterator[None]:
    """Let no other process make `out` until the block ends; wait, with a line on standard error, for one that does.

    Raises:
        UserError: something else is in the place of the lock.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    path = out.with_name(f".{out.name}.lock")
    if path.is_symlink() or path.is_dir():
        raise UserError(f"{path}: where the lock of {out.name} goes, is a link or a folder; delete it")
    try:
        lock = _acquired(FileLock(path, fallback_to_soft=False), out)
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        path.unlink(missing_ok=True)
        with _acquired(SoftFileLock(path.with_suffix(".owner")), out):
            yield
        return
    try:
        with suppress(OSError):  # only what others say while they wait is poorer for it
            path.write_text(f"{os.getpid()}\n{socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # while it is held, so that it is nobody else's
        lock.release()


def _acquired(lock: BaseFileLock, out: Path) -> BaseFileLock:
    """The lock once it is acquired, and is to be released by the caller."""
    try:
        lock.acquire(blocking=False)
    except Timeout:
        path = Path(lock.lock_file)
        advice = f"; if that is gone, delete {path}" if isinstance(lock, SoftFileLock) else ""
        print(f"{out}: waiting for {_holder(path)}, which writes it{advice}", file=sys.stderr)
        lock.acquire(poll_interval=POLL_SECONDS)
    return lock


def _holder(path: Path) -> str:
    """Who holds a lock file, as far as it says."""
    with suppress(OSError, ValueError):
        pid, host, *_ = path.read_text(encoding="utf-8").splitlines()
        return f"process {int(pid)} of {host if host.isprintable() else 'another machine'}"
    return "another process"
