"""Why a feature file cannot be read: it is damaged, or only something is in the way, and it may be whole.

What is damaged is computed again, perhaps for hours; so a file is called damaged for what it holds alone. A lock that
fails, another program that writes, a network that is away are no damage.
"""

import errno
import os
from pathlib import Path

import h5py

from pipeline.errors import UserError

OF_CONTENTS = (errno.EINVAL, errno.EFAULT, errno.EOVERFLOW)
"""what the system answers when a damaged file makes HDF5 ask for an impossible read"""
IN_USE = (errno.EAGAIN, errno.EACCES, errno.EBUSY, errno.EDEADLK, errno.ETXTBSY)
"""what it answers when another program has the file"""
OPEN_FOR_WRITING = "file is already open for"
"""HDF5's words for the mark that a program leaves in a file while it writes there"""


class DamagedError(UserError):
    """A file is no whole feature file: cut short, of another schema, or changed since it was written."""


def open_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file to read, without a lock: some file systems have none, and a finished file never changes.

    HDF5 takes one all the same where the variable HDF5_USE_FILE_LOCKING is TRUE.
    """
    return h5py.File(path, "r", locking=False)


def obstacle(error: BaseException) -> str | None:
    """What is in the way of reading, and what to do; None when the error is about what the file holds."""
    if OPEN_FOR_WRITING in str(error):
        return "is open for writing in another program; close it there (`h5clear -s` mends it if that was killed)"
    code = error.errno if isinstance(error, OSError) else None
    if code is None or code in OF_CONTENTS:
        return None
    reason = os.strerror(code)
    if code in IN_USE:
        return f"is in use by another program ({reason}); run again when that has ended"
    if code == errno.ENOLCK:
        return f"cannot be locked ({reason}); set HDF5_USE_FILE_LOCKING=FALSE and run again"
    return f"cannot be read ({reason}); it may be whole: run again when the disk or network is well"
