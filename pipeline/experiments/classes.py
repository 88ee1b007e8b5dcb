"""The classes that an experiment tells apart: some of a corpus's emotions, several of which may be merged into one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from pipeline.corpora.manifest import Row
from pipeline.errors import UserError
from pipeline.experiments.feasibility import ListedRow
from pipeline.experiments.labelled import corpus_title

ClassSet = Mapping[str, Sequence[str]]
"""class -> the canonical labels that it merges, as happy -> [happy, excited]"""

R = TypeVar("R", Row, ListedRow)


def class_set(rows: Sequence[R], emotions: ClassSet | None) -> list[R]:
    """The rows of the labels that a class set lists, each with its class as its `emotion`; where it is None, all that
    have one.

    Raises:
        UserError: no recording has a label, or one of one of the classes; the message says which labels there are.
    """
    if rows and not any(row.emotion for row in rows):
        raise UserError(
            f"no recording of corpus {rows[0].dataset} has an emotion; give experiments `targets`, as [valence], or "
            "the table emotions"
        )
    if emotions is None:
        return [row for row in rows if row.emotion]
    merged = {label: name for name, labels in emotions.items() for label in labels}
    present = sorted({row.emotion for row in rows} - {""})
    for name, labels in emotions.items():
        if not set(labels).intersection(present):
            corpus = corpus_title(rows) or "which is empty"
            problem = f"no recording of corpus {corpus} is {' or '.join(map(repr, labels))}, of class {name!r}"
            raise UserError(f"{problem}; take it out of the experiment's `emotions`; there are {', '.join(present)}")
    return [replace(row, emotion=merged[row.emotion]) for row in rows if row.emotion in merged]
