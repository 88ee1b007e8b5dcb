"""All bad inputs that are run through the real command line, in one table."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Make = Callable[[Path], list[str]]


@dataclass(frozen=True)
class BadInput:
    """One bad input.

    Attributes:
        group: the module it is in.
        name: the kind of thing, and what is wrong with it.
        make: writes it below a folder; returns the arguments of `python -m pipeline.cli`, or the name of a stage's
            module, as `stages.audio`, and its arguments.
        says: a part of the one error line.
        code: the exit code.
    """

    group: str
    name: str
    make: Make
    says: str
    code: int


BAD_INPUTS: list[BadInput] = []


def bad_input(name: str, *, says: str, code: int = 1) -> Callable[[Make], Make]:
    """Put the function below in the table."""

    def put(make: Make) -> Make:
        BAD_INPUTS.append(BadInput(make.__module__.rpartition(".")[2], name, make, says, code))
        return make

    return put
