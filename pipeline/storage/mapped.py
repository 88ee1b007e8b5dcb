"""Arrays that are mapped from files larger than the memory: read some rows at a time, none of which stays in memory."""

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 1 << 22
"""read at once"""


def release(values: NDArray[Any]) -> None:
    """Let go of what was read of an array, if it is mapped; where it is used again, it is read again."""
    pages = getattr(values, "_mmap", None)
    if isinstance(pages, mmap.mmap) and hasattr(pages, "madvise"):
        pages.madvise(mmap.MADV_DONTNEED)


def is_large(values: NDArray[Any]) -> bool:
    """Whether an array is mapped, and more than is read at once."""
    return isinstance(values, np.memmap) and values.nbytes > BLOCK_BYTES


def blocks(values: NDArray[Any], multiple: int = 1, offset: int = 0) -> Iterator[NDArray[Any]]:
    """The rows of an array (rows, ...), about `BLOCK_BYTES` at a time, each let go of when the next is asked for.

    Args:
        values: an array; of what is not mapped, nothing is let go.
        multiple: blocks end at multiples of so many rows.
        offset: the number of the first row, in what the multiples are counted in.
    """
    row = max(1, values.dtype.itemsize * int(np.prod(values.shape[1:])))
    step = multiple * max(1, BLOCK_BYTES // (row * multiple))
    start = 0
    while start < len(values):
        stop = (offset + start) // step * step + step - offset
        yield values[start:stop]
        release(values)
        start = stop
