"""The bootstrap that resamples units with all that is theirs: speakers, or utterances where no speakers are known.

Utterances of one speaker are alike, so that resampling them one by one would make a system look surer than it is.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Figures = NDArray[np.float64]

REDRAWN = 20
"""most times that samples are drawn for those that lack an emotion"""


def units_of(keys: Sequence[str], speakers: Sequence[str]) -> Sequence[str]:
    """What is resampled, for each test: its speaker; its utterance, where there is one speaker or none is known."""
    return speakers if len(set(speakers)) > 1 else keys


def counted(
    y: Labels, units: Sequence[str], what: NDArray[np.bool_] | None = None, classes: int | None = None
) -> Figures:
    """How many utterances each unit has of each class, (units, classes); of those only where `what` (N,) is true.

    Classes are those up to the highest of y (N,), or so many; what is of others does not count.
    """
    numbers = np.unique(np.array(units), return_inverse=True)[1]
    highest = int(y.max()) + 1
    counts = np.zeros((numbers.max() + 1, max(highest, classes or 0)))
    np.add.at(counts, (numbers, y), 1 if what is None else what)
    return counts[:, :classes]


def resamples(totals: Figures, count: int, seed: int | Sequence[int]) -> NDArray[np.int64]:
    """How often each unit is in each of so many samples, (count, units).

    A sample that lacks an emotion is drawn again, as UA over fewer emotions is another figure; where nearly all lack
    one, UA is over those there are.

    Args:
        totals: how many utterances each unit has of each class, (units, classes).
        count: of samples.
        seed: of the drawing.
    """
    rng = np.random.default_rng(seed)
    kept = [_samples(rng, totals, count)]
    while sum(map(len, kept)) < count and len(kept) < REDRAWN:
        kept.append(_samples(rng, totals, count))
    drawn = np.concatenate(kept)[:count]
    return drawn if len(drawn) == count else _samples(np.random.default_rng(seed), totals[:, :0], count)


def _samples(rng: np.random.Generator, totals: Figures, count: int) -> NDArray[np.int64]:
    """As many samples, without those that lack a class of totals (units, classes); a class that no unit has is none."""
    drawn = rng.multinomial(len(totals), np.full(len(totals), 1 / len(totals)), size=count)
    present = totals.sum(axis=0) > 0
    return drawn[(drawn @ totals[:, present] > 0).all(axis=1)]


def accuracies(hits: Figures, totals: Figures) -> Figures:
    """WA (samples,) of how many are right and how many there are of each class (samples, classes)."""
    shares: Figures = hits.sum(axis=1) / totals.sum(axis=1)
    return shares


def mean_recalls(hits: Figures, totals: Figures) -> Figures:
    """UA (samples,) of how many are right and how many there are of each class (samples, classes)."""
    with np.errstate(invalid="ignore"):
        means: Figures = np.nanmean(hits / np.where(totals > 0, totals, np.nan), axis=1)
    return means


def mean_f1s(hits: Figures, totals: Figures, predicted: Figures) -> Figures:
    """Macro F1 (samples,) of how many are right, are there and are predicted of each class (samples, classes)."""
    with np.errstate(invalid="ignore"):
        means: Figures = np.nanmean(2 * hits / np.where(totals > 0, totals + predicted, np.nan), axis=1)
    return means


def tails(confidence: float) -> list[float]:
    """The quantiles between which so much lies."""
    return [(1 - confidence) / 2, (1 + confidence) / 2]
