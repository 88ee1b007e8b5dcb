"""Errors a user can cause. Everything else is a bug and keeps its traceback."""

import difflib
from collections.abc import Iterable

LONGEST_NAME = 200
"""characters of a name that may be one of the known ones, misspelt"""
LONGEST_LINE = 2000
"""characters of a line of a message"""


class UserError(Exception):
    """Something the user can mend: the message says what is wrong, where, and what to do.

    Commands print it on one line to standard error and exit with `exit_code`.
    """

    exit_code = 1


class ParamsError(UserError):
    """A mistake in params.yaml or in a command's options (exit code 2, as for usage errors)."""

    exit_code = 2


class DataError(UserError, ValueError):
    """Utterances or labels that a system cannot take; a ValueError too, as scikit-learn's estimators raise."""


def printable(text: str) -> str:
    """Text of files and their names for a terminal: control characters and escape codes are written as in Python."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def message_line(text: str) -> str:
    """A line of a message as it is printed: without control characters, and without the middle where it is long."""
    line = printable(text)
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE // 2]} [...] {line[-LONGEST_LINE // 2 :]}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest what `name` was meant to be: " (did you mean 'x'?)", or "" when nothing is near."""
    near = difflib.get_close_matches(name, list(known), n=1) if len(name) <= LONGEST_NAME else []
    return f" (did you mean {near[0]!r}?)" if near else ""
