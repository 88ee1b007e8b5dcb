"""The cache of answers: what models said of recordings, as files in the user's own folder.

A file has the name of its key, and holds the SHA-256 of the key and the numbers, and the numbers: rows of float64 in
little-endian order. What is damaged, or could be no answer, counts as not there. Writers rename whole files into place,
so that any number of processes may share the folder.
"""

import hashlib
import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from pipeline.atomic import renamed_path
from pipeline.audio.voice_activity import LEAST_VOICED
from pipeline.errors import ParamsError, UserError

Rows = NDArray[np.float64]
"""(windows, 3 + numbers): start, end (s), share of voice and a model's numbers of each; of a recording 0, 0 and 1;
NaN for the numbers of a window in which nobody speaks"""

WINDOW = 3
"""numbers of a row before its model's"""
DIGEST = hashlib.sha256().digest_size
USUAL_MEGABYTES = 200
MEGABYTE = 1_000_000
LONGEST_FILE = 1 << 28
"""bytes of one answer: more than a day in hops of 10 ms has"""


@dataclass(frozen=True)
class AnswerCache:
    """Answers in a folder.

    Attributes:
        folder: where they are; made when the first is kept.
        most: bytes that they may have on the disk together; those that were used longest ago go first.
    """

    folder: Path
    most: int

    def find(self, key: str, count: int, are_numbers: Callable[[Rows], bool]) -> Rows | None:
        """What is known by a key, if that could be an answer.

        Args:
            key: of the answer.
            count: how many numbers a model gives.
            are_numbers: whether a model could have given all of these, (N, count).
        """
        path = self._path(key)
        try:
            if not path.is_file() or path.stat().st_size > LONGEST_FILE:
                return None
            data = path.read_bytes()
        except OSError:
            return None
        rows = _checked(key, data, WINDOW + count)
        if rows is None or not _is_answer(rows[:, :WINDOW], rows[:, WINDOW:], are_numbers):
            return None
        with suppress(OSError):
            os.utime(path)  # it was used now
        return rows

    def keep(self, answers: Mapping[str, Rows]) -> None:
        """Keep answers by their keys, and let go of the oldest above the limit.

        Raises:
            UserError: nothing can be written there.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for key, rows in answers.items():
                with renamed_path(self._path(key)) as temporary:
                    temporary.write_bytes(_packed(key, rows))
            self._shrink()
        except OSError as error:
            advice = "name another folder in SER_CACHE, or give --no-cache"
            raise UserError(f"{self.folder}: answers cannot be kept there ({error.strerror}); {advice}") from error

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:]

    def _shrink(self) -> None:
        """Remove the files that were used longest ago, unless another process does so now."""
        with suppress(Timeout), FileLock(self.folder / "lock", timeout=0):
            left = self.most
            for _, size, path in sorted(self._files(), reverse=True):
                left -= size
                if left < 0:
                    path.unlink(missing_ok=True)

    def _files(self) -> list[tuple[int, int, Path]]:
        """When each file was used (ns), its bytes on the disk, and its path."""
        files = []
        for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            with suppress(FileNotFoundError):
                status = path.lstat()
                stored = 512 * getattr(status, "st_blocks", 0)  # not on Windows
                files.append((status.st_mtime_ns, max(stored, status.st_size), path))
        return files


def usual_cache() -> AnswerCache | None:
    """The cache of this user: in `SER_CACHE`, `XDG_CACHE_HOME`/ser or ~/.cache/ser; None where it may have no bytes.

    Raises:
        ParamsError: SER_CACHE_MB is no finite number, or is negative.
    """
    said = os.environ.get("SER_CACHE_MB", "")
    try:
        megabytes = float(said or USUAL_MEGABYTES)
    except ValueError:
        megabytes = -1
    if not 0 <= megabytes < math.inf:
        raise ParamsError(f"SER_CACHE_MB is {said!r}; give the megabytes of answers to keep, as 200, or 0 for none")
    return AnswerCache(_folder() / "answers", int(megabytes * MEGABYTE)) if megabytes else None


def _folder() -> Path:
    above = os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache"
    return Path(os.environ.get("SER_CACHE", "") or Path(above) / "ser").expanduser()


def _packed(key: str, rows: Rows) -> bytes:
    numbers = rows.astype("<f8").tobytes()
    return hashlib.sha256(key.encode() + numbers).digest() + numbers


def _checked(key: str, data: bytes, width: int) -> Rows | None:
    """The rows that a file holds; None where it is damaged."""
    numbers = data[DIGEST:]
    if not numbers or len(numbers) % (8 * width) or hashlib.sha256(key.encode() + numbers).digest() != data[:DIGEST]:
        return None
    return np.frombuffer(numbers, "<f8").astype(np.float64).reshape(-1, width)


def _is_answer(windows: Rows, numbers: Rows, are_numbers: Callable[[Rows], bool]) -> bool:
    start, end, voiced = windows.T
    if not ((start >= 0) & (end >= start) & np.isfinite(end) & (voiced >= 0) & (voiced <= 1)).all():
        return False
    silent = voiced < LEAST_VOICED
    return bool(np.isnan(numbers[silent]).all()) and are_numbers(numbers[~silent])
