"""How a fusion predicts the part that it is fitted on: each group of it by what was fitted on the other groups.

An outer fusion that were fitted on what an inner one says of its own fitting part would trust it too much.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.experiments.quiet_sklearn import quiet_sklearn

Indices = NDArray[np.int64]

GROUPS = 5


def cross_fits(y: NDArray[np.int64], groups: Sequence[str], seed: int) -> list[tuple[Indices, Indices]]:
    """Cut a part into five, or as many as it has groups and utterances of an emotion, with near-equal class counts.

    Args:
        y: classes (n,).
        groups: what must stay together, of each: its speaker, or its source where speakers are not kept apart.
        seed: of the dealing.

    Returns:
        For each piece, the positions to fit on and those to predict; none where a rest would have fewer than two
        classes, or there are not two groups.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    count = min(GROUPS, len(set(groups)), int(np.bincount(y).max(initial=0)))
    if count < 2:
        return []
    with quiet_sklearn():
        cuts = list(StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(y, y, groups))
    cuts = [(rest, held_out) for rest, held_out in cuts if len(held_out)]
    return cuts if all(len(set(y[rest])) > 1 for rest, _ in cuts) else []
