"""The raters' votes on an experiment's classes."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.corpora.manifest import Row
from pipeline.errors import UserError
from pipeline.experiments.classes import ClassSet
from pipeline.experiments.feasibility import ListedRow


def class_shares(votes: Mapping[str, float], emotions: ClassSet | None, classes: Sequence[str]) -> dict[str, float]:
    """Class -> share of the votes that were for one of the classes; nothing where none was.

    Args:
        votes: canonical label -> share.
        emotions: class -> the labels that it merges; None where labels are classes.
        classes: of the experiment.
    """
    merged = {label: name for name, labels in (emotions or {}).items() for label in labels}
    shares: dict[str, float] = {}
    for label, share in votes.items():
        name = label if emotions is None else merged.get(label, "")
        if share and name in classes:
            shares[name] = shares.get(name, 0.0) + share
    total = math.fsum(shares.values())
    return {name: share / total for name, share in shares.items()}


def votes_problem(rows: Sequence[Row | ListedRow]) -> str | None:
    """Why rows cannot be trained on by votes; None where one has some."""
    if not rows or any(row.votes for row in rows):
        return None
    return f"no recording of corpus {rows[0].dataset} has votes; its table has none in columns as votes_angry"


def share_table(rows: Sequence[Row], emotions: ClassSet | None, classes: Sequence[str]) -> NDArray[np.float64]:
    """Shares (N, classes) of rows with classes for their emotions; without votes on these, all is their class's.

    Raises:
        UserError: there are no votes at all.
    """
    if problem := votes_problem(rows):
        raise UserError(problem)
    table = np.zeros((len(rows), len(classes)))
    for i, row in enumerate(rows):
        for name, share in (class_shares(row.votes, emotions, classes) or {row.emotion: 1.0}).items():
            table[i, classes.index(name)] = share
    return table
