"""Speakers dealt into folds of near-equal class counts; again and again in other ways, where a protocol is repeated."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.experiments.quiet_sklearn import quiet_sklearn

Deal = list[list[str]]
"""the speakers of each fold"""

DRAWS = 64
"""random deals of which the most even is taken"""


def deals(emotions: Sequence[str], speakers: NDArray[np.str_], folds: int, repeats: int, seed: int) -> list[Deal]:
    """So many ways to deal the speakers into folds, no two alike.

    The first is scikit-learn's StratifiedGroupKFold, which goes through the speakers from the most uneven to the least,
    so that the seed decides of few or none. The others are the most even of random ones, of as many speakers in each
    fold as in any other, or one more.

    Args:
        emotions: of the N utterances.
        speakers: theirs, (N,).
        folds: how many.
        repeats: how many ways.
        seed: of the random ones.

    Raises:
        ValueError: there are fewer utterances of each emotion than folds.
        UserError: there are not so many ways.
    """
    dealt = [_even(emotions, speakers, folds, seed)]
    for number in range(1, repeats):
        random = _random(emotions, speakers, folds, [seed, number], {_partition(deal) for deal in dealt})
        if random is None:
            problem = f"{len(set(speakers))} speakers cannot be dealt into {folds} folds in {repeats} ways"
            raise UserError(f"{problem}; lower repeats")
        dealt.append(random)
    return dealt


def _even(emotions: Sequence[str], speakers: NDArray[np.str_], folds: int, seed: int) -> Deal:
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with quiet_sklearn():
        return [sorted(set(speakers[test])) for _, test in splitter.split(speakers, emotions, speakers)]


def _random(
    emotions: Sequence[str], speakers: NDArray[np.str_], folds: int, seed: Sequence[int], taken: set[frozenset[str]]
) -> Deal | None:
    """The most even of `DRAWS` random deals that are none of those taken; None where all are."""
    names, who = np.unique(speakers, return_inverse=True)
    what = np.unique(np.array(emotions), return_inverse=True)[1]
    counts = np.zeros((len(names), what.max() + 1))
    np.add.at(counts, (who, what), 1)
    rng = np.random.default_rng(seed)
    best, least = None, np.inf
    for _ in range(DRAWS):
        parts = np.array_split(rng.permutation(len(names)), folds)
        deal = [sorted(names[part].tolist()) for part in parts]
        unevenness = sum(np.square(counts[part].sum(axis=0) - counts.sum(axis=0) / folds).sum() for part in parts)
        if unevenness < least and _partition(deal) not in taken:
            best, least = deal, unevenness
    return best


def _partition(deal: Deal) -> frozenset[str]:
    """The deal, whatever the order of its folds."""
    return frozenset("\n".join(fold) for fold in deal)
