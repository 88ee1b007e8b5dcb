"""Which of a corpus's recordings an experiment has: those of a language or a gender, and of its classes."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pipeline.corpora.manifest import Row
from pipeline.errors import UserError, nearest
from pipeline.experiments.classes import ClassSet, class_set
from pipeline.experiments.feasibility import ListedRow
from pipeline.experiments.labelled import corpus_title

Only = Mapping[str, Sequence[str]]
"""language or gender -> those that are wanted; none for all"""

R = TypeVar("R", Row, ListedRow)


def selected(rows: Sequence[R], only: Only | None) -> list[R]:
    """The rows of these languages and genders; all rows where there are none.

    Raises:
        UserError: no recording has one of them; the message says which there are.
    """
    for field, wanted in (only or {}).items():
        present = sorted({getattr(row, field) for row in rows} - {""})
        for value in wanted:
            if value not in present:
                corpus, there = (
                    corpus_title(rows) or "which is empty",
                    ", ".join(present) or "none, all unknown",
                )
                problem = f"no recording of corpus {corpus} has the {field} {value!r}{nearest(value, present)}"
                raise UserError(f"{problem}; take it out of `only`; there are {there}")
    return [row for row in rows if all(getattr(row, field) in wanted for field, wanted in (only or {}).items())]


def chosen(rows: Sequence[R], only: Only | None, emotions: ClassSet | None) -> tuple[list[R], list[R]]:
    """The rows of an experiment, with its classes for their emotions, and the corpus's other rows.

    Raises:
        UserError: no recording is of one of the languages, genders or classes.
    """
    own = class_set(selected(rows, only), emotions)
    keys = {row.key for row in own}
    return own, [row for row in rows if row.key not in keys]


def described(only: Only | None) -> str:
    """As `female, en`; "" for all recordings."""
    return ", ".join("/".join(wanted) for wanted in (only or {}).values())
