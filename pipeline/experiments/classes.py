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
        UserError: no recording has a label of one of the classes.
    """
    if emotions is None:
        return list(rows)
    present = {row.emo for row in rows}
    missing = [labels for labels in emotions.values() if not present & {*labels}]
    if missing:
        known, corpus = ", ".join(sorted(present)) or "none", rows[0].dataset if rows else "it"
        raise UserError(f"no recording of {corpus} is {' or '.join(map(repr, missing[0]))}; there are: {known}")
    classes = {label: name for name, labels in emotions.items() for label in labels}
    return [replace(row, emo=classes[row.emo]) for row in rows if row.emo in classes]
