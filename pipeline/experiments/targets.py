"""The recordings that an experiment with targets has: those with all of these numbers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.corpora.manifest import Row
from pipeline.corpora.ratings import target_problem
from pipeline.errors import UserError
from pipeline.experiments.feasibility import ListedRow
from pipeline.experiments.joint_corpora import by_corpus
from pipeline.experiments.labelled import corpus_title
from pipeline.experiments.selection import Only, selected

ROOM = 0.25
"""of a corpus's range of numbers: what another corpus may have beyond it, and yet be taken to have its scale"""

R = TypeVar("R", Row, ListedRow)


def with_targets(rows: Sequence[R], targets: Sequence[str]) -> list[R]:
    """The rows that have all these numbers, without their emotions, which then split no corpus.

    Raises:
        UserError: no recording has one of the numbers, or all of them; the message says which there are.
    """
    known = list(dict.fromkeys(name for row in rows for name in row.dimensions))
    for target in targets:
        if rows and (problem := target_problem(target, known, corpus_title(rows))):
            raise UserError(problem)
    own = [replace(row, emotion="") for row in rows if all(target in row.dimensions for target in targets)]
    if rows and not own:
        raise UserError(f"no recording of corpus {corpus_title(rows)} has all of {', '.join(targets)}")
    return own


def chosen_with_targets(rows: Sequence[R], only: Only | None, targets: Sequence[str]) -> tuple[list[R], list[R]]:
    """The rows of an experiment with targets, and the corpus's other rows.

    Raises:
        UserError: no recording is of one of the languages or genders, or has one of the numbers.
    """
    own = with_targets(selected(rows, only), targets)
    keys = {row.key for row in own}
    return own, [row for row in rows if row.key not in keys]


def lacking(rows: Sequence[Row], only: Only | None, targets: Sequence[str]) -> int:
    """How many of the rows would be wanted, and lack a number."""
    wanted = (row for row in rows if all(getattr(row, name) in values for name, values in (only or {}).items()))
    return sum(any(target not in row.dimensions for target in targets) for row in wanted)


def target_values(rows: Sequence[Row], targets: Sequence[str]) -> NDArray[np.float64]:
    """Their numbers (N, targets)."""
    values = [[row.dimensions[target] for target in targets] for row in rows]
    return np.array(values, np.float64).reshape(len(rows), len(targets))


def scale_warnings(rows: Sequence[Row], targets: Sequence[str]) -> list[str]:
    """A line for each target whose numbers seem to be of different scales in the corpora of the rows."""
    lines = []
    for target in targets:
        values = {name: [row.dimensions[target] for row in own] for name, own in by_corpus(rows).items()}
        ends = {name: (min(own), max(own)) for name, own in values.items()}
        low, high = max(low for low, _ in ends.values()), min(high for _, high in ends.values())
        if any(max(low - own, other - high) > ROOM * (other - own) for own, other in ends.values()):
            ranges = ", ".join(f"{own:g} to {other:g} in {name}" for name, (own, other) in ends.items())
            lines.append(f"{target} is {ranges}: the scales seem to differ, and models and scores mix them as they are")
    return lines
