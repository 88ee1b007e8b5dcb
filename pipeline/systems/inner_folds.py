"""Folds of a training part, in which a system chooses among its own settings or calibrates itself."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.keys import source_key
from pipeline.errors import UserError
from pipeline.systems.view import View

Split = tuple[NDArray[np.int64], NDArray[np.int64]]
"""positions of what is fitted on, and of what is left out"""


def inner_folds(codes: NDArray[np.int64], X: View, count: int, seed: int) -> list[Split]:
    """At most `count` folds, which no speaker is in two of; none where a class has one utterance.

    Without known speakers, the names and copies of one recording are in one fold.

    Args:
        codes: (N,) class of each utterance, by which folds are stratified.
        X: the utterances.
        count: folds.
        seed: of the order, where speakers are not known.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    count = min(count, int(np.unique(codes, return_counts=True)[1].min()))
    if count < 2:
        return []
    speakers = _known(X, "speaker")
    if len(set(speakers)) >= 2:
        return _split(StratifiedGroupKFold(min(count, len(set(speakers)))), codes, speakers)
    contents = _known(X, "content") or [source_key(key) for key in X.keys]
    if len(set(contents)) < 2:
        return []
    folds = min(count, len(set(contents)))
    return _split(StratifiedGroupKFold(folds, shuffle=True, random_state=seed), codes, contents)


def _split(folds: Any, codes: NDArray[np.int64], groups: list[str]) -> list[Split]:
    return list(folds.split(codes, codes, groups))


def _known(X: View, kind: str) -> list[str]:
    """The group of each utterance; nothing where it is not known of all."""
    try:
        return X.groups(kind)
    except UserError:
        return []
