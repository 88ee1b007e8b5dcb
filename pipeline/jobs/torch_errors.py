"""What torch's errors mean to a user."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pipeline.errors import UserError


def out_of_memory(error: BaseException) -> bool:
    """Whether memory, a GPU's or the computer's, did not suffice: only CUDA has an error class of its own for that."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(said in str(error) for said in ("can't allocate memory", "out of memory"))


def first_line(error: BaseException) -> str:
    """The first sentence of an error, without the lines that torch adds for its developers."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].split(". ")[0].rstrip(".")


@contextmanager
def lower_format(said: str) -> Iterator[None]:
    """Where a number format below float32 is computed in: kernels that the processor lacks are the user's to know of.

    Args:
        said: the param with its value, such as "compute: bfloat16"; "" in float32, whose errors stay as they are.

    Raises:
        UserError: what is inside failed, for another reason than a lack of memory.
    """
    try:
        yield
    except RuntimeError as error:
        if not said or out_of_memory(error):
            raise
        raise UserError(f"{said} cannot be had on this machine: use float32 ({first_line(error)})") from error
