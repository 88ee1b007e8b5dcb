"""The class set of an experiment: which labels it has, and which of them are one class."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pipeline.errors import UserError

ClassSet = Mapping[str, Sequence[str]]
"""class -> the canonical labels merged into it"""

LabelledRow = TypeVar("LabelledRow", bound=Any)
"""a dataclass with `emo` and `dataset`"""


def class_set(rows: Sequence[LabelledRow], emotions: ClassSet | None) -> list[LabelledRow]:
    """The rows of the classes, each with its class in the place of its label; all rows where there is no class set.

    Raises:
        UserError: no recording has one of the labels.
    """
    if emotions is None:
        return list(rows)
    present = {row.emo for row in rows}
    missing = [label for labels in emotions.values() for label in labels if label not in present]
    if missing:
        known = ", ".join(sorted(present)) or "none"
        raise UserError(f"no recording of {rows[0].dataset if rows else 'it'} is {missing[0]!r}; there are: {known}")
    classes = {label: name for name, labels in emotions.items() for label in labels}
    return [replace(row, emo=classes[row.emo]) for row in rows if row.emo in classes]
