"""The bootstrap that resamples units with all that is theirs: speakers, or utterances where no speakers are known.

Utterances of one speaker are alike, so that resampling them one by one would make a system look surer than it is. Nor
are percentiles of the samples taken for intervals, which are much too narrow for the 4 to 24 speakers of most corpora
(Hesterberg 2015, "What teachers should know about the bootstrap"): the bootstrap tells the standard error, and
Student's t how far that reaches (Efron and Tibshirani 1993, section 12.5).
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Figures = NDArray[np.float64]

TIE = 1e-9
"""a difference that rounding can make of none"""

REDRAWN = 20
"""most times that samples are drawn for those that lack an emotion"""

HELD = 1 << 22
"""numbers of samples in memory at once: 1000 samples of 4000 units"""


def units_of(keys: Sequence[str], speakers: Sequence[str]) -> Sequence[str]:
    """What is resampled, for each test: its speaker; its utterance, where that is not known or only one is."""
    if len({*speakers} - {""}) < 2:
        return keys
    return [speaker or f"recording {key}" for key, speaker in zip(keys, speakers, strict=True)]


def times_tested(keys: Sequence[str]) -> float:
    """How often each recording was tested, on average: more than once where a split is repeated."""
    return len(keys) / max(1, len(set(keys)))


def counted(
    y: Labels, units: Sequence[str], what: NDArray[np.bool_] | Figures | None = None, classes: int | None = None
) -> Figures:
    """How many utterances each unit has of each class, (units, classes); of those only where `what` (N,) is
    true, or by so much as it says.

    Classes are those up to the highest of y (N,), or so many; what is of others does not count.
    """
    numbers = np.unique(np.array(units), return_inverse=True)[1]
    highest = int(y.max()) + 1
    counts = np.zeros((numbers.max() + 1, max(highest, classes or 0)))
    np.add.at(counts, (numbers, y), 1 if what is None else what)
    return counts[:, :classes]


def resampled(tables: Sequence[Figures], totals: Figures, count: int, seed: int | Sequence[int]) -> list[Figures]:
    """What tables add up to over the units themselves, and over each of so many samples of them.

    A sample that lacks an emotion is drawn again, as UA over fewer emotions is another figure; where nearly all lack
    one, UA is over those there are. No more than `HELD` numbers of samples are in memory at once.

    Args:
        tables: figures of each unit, each (units, ...).
        totals: how many utterances each unit has of each class, (units, classes).
        count: of samples.
        seed: of the drawing.

    Returns:
        Of each table, (1 + count, ...): first the sum over the units themselves.
    """
    for needed in (totals, totals[:, :0]):  # of no class, no sample lacks one
        parts = [[np.tensordot(block, table, 1) for table in tables] for block in _blocks(needed, count, seed)]
        sums = [np.concatenate(own) for own in zip(*parts, strict=True)]
        if len(sums[0]) == 1 + count:
            break
    return sums


def _blocks(totals: Figures, count: int, seed: int | Sequence[int]) -> Iterator[NDArray[np.int64]]:
    """How often each unit is in each sample, (samples, units), some samples at a time; the units themselves lead."""
    rng, units = np.random.default_rng(seed), len(totals)
    held, drawn = [np.ones((1, units), np.int64)], 0
    rows = max(1, min(count, HELD // units))
    for size in [min(rows, count - first) for first in range(0, count, rows)] * REDRAWN:
        held.append(_samples(rng, totals, size)[: count - drawn])
        drawn += len(held[-1])
        if sum(map(len, held)) > rows:
            whole, held = np.concatenate(held), []
            yield whole
        if drawn == count:
            break
    if held:
        yield np.concatenate(held)


def _samples(rng: np.random.Generator, totals: Figures, count: int) -> NDArray[np.int64]:
    """As many samples, without those that lack a class of totals (units, classes); a class that no unit has is none."""
    drawn = rng.multinomial(len(totals), np.full(len(totals), 1 / len(totals)), size=count)
    present = totals.sum(axis=0) > 0
    whole = (drawn @ totals[:, present] > 0).all(axis=1)
    return drawn if whole.all() else drawn[whole]


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


def standard_error(samples: Figures, units: int) -> float:
    """Of a figure, by its values in samples of so many units, of which the bootstrap's own is sqrt(1 - 1 / units)."""
    return float(samples.std() * np.sqrt(units / (units - 1)))


def reach(units: int, confidence: float) -> float:
    """How many standard errors an interval goes to each side: Student's t of so many units less one."""
    from scipy.special import stdtrit

    return float(stdtrit(units - 1, (1 + confidence) / 2))


def share_interval(
    share: float, samples: Figures, units: int, confidence: float, tests: float = math.inf
) -> list[float]:
    """The ends of the interval of a share, which lie from 0 to 1, as they are symmetric in its log odds.

    Where units do not differ at all, as where all is right, samples of them tell no error. The interval is then that of
    so many independent tests, Wilson's (1927), which is no longer of units, but has a width.

    Args:
        share: of the units themselves, from 0 to 1.
        samples: the same of samples of them.
        units: how many there are; of one nothing can be said.
        confidence: of the interval.
        tests: how many recordings it is a share of; of a mean of shares, see `effective_tests`.
    """
    if units < 2:
        return [0.0, 1.0]
    error, odds = standard_error(samples, units), share * (1 - share)
    if error < TIE or not odds:
        return _wilson(share, tests, confidence)
    from scipy.special import expit, logit

    width = reach(units, confidence) * error / odds
    return [float(expit(logit(share) - width)), float(expit(logit(share) + width))]


def effective_tests(totals: Figures) -> float:
    """Of how many tests a share would have the error that the mean of classes' recalls has, were these all equal.

    Args:
        totals: how many tests each class has (classes,); of none there is no recall.

    That mean of C recalls p has the variance p (1 - p) sum(1 / n) / C^2, and a share of N tests p (1 - p) / N: so N is
    C^2 / sum(1 / n), the harmonic mean of the classes' n times C, of which the rarest class decides most.
    """
    there = totals[totals > 0]
    return float(len(there) ** 2 / np.sum(1 / there))


def _wilson(share: float, tests: float, confidence: float) -> list[float]:
    """The ends of the score interval of a share of so many independent tests; of endless ones, the share.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    from scipy.special import ndtri

    spread = float(ndtri((1 + confidence) / 2)) ** 2 / tests
    middle, half = share + spread / 2, np.sqrt(spread * (share * (1 - share) + spread / 4))
    return [max(0.0, float((middle - half) / (1 + spread))), min(1.0, float((middle + half) / (1 + spread)))]


def difference_interval(
    difference: float, samples: Figures, units: int, confidence: float, tests: float, discordant: float
) -> list[float]:
    """The ends of the interval of a difference of two shares, likewise, from -1 to 1.

    Where all units differ by the same, and are too few for `difference_p` to exclude anything, nothing can be said.
    Where they are enough, or do not differ at all, samples of them tell no error: the interval is then the score
    interval of that many independent pairs, which is no longer of units, but has a width.

    Args:
        difference: of the units themselves.
        samples: the same of samples of them.
        units: how many there are; of one nothing can be said.
        confidence: of the interval.
        tests: of how many recordings the shares are; of means of shares, see `effective_tests`.
        discordant: the share of recordings of which one of the two is right, and not the other.
    """
    error = standard_error(samples, units) if units > 1 else 0.0
    if units < 2 or (error < TIE < abs(difference) and difference_p(difference, samples, units) > 1 - confidence):
        return [-1.0, 1.0]
    if error < TIE:
        return paired_score_interval(difference, discordant, tests, confidence)
    width = reach(units, confidence) * error
    return [max(-1.0, difference - width), min(1.0, difference + width)]


def paired_score_interval(difference: float, discordant: float, tests: float, confidence: float) -> list[float]:
    """The ends of the score interval of a difference of two shares of the same so many independent tests.

    Tango 1998, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", with the maximum-likelihood estimate of its appendix; it has a width where no test is discordant, too.

    Args:
        difference: the share of tests of which only the first is right, less that of which only the second is.
        discordant: the two together.
        tests: how many there are.
        confidence: of the interval.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtri

    spread = float(ndtri((1 + confidence) / 2)) ** 2 / tests
    only_second = max(0.0, discordant - difference) / 2

    def excess(supposed: float) -> float:
        """How far the squared score is beyond the quantile's, times the variance at such a difference."""
        b, c = (2 - difference) * supposed - discordant, -only_second * supposed * (1 - supposed)
        likely = (math.sqrt(max(0.0, b * b - 8 * c)) - b) / 4
        return (difference - supposed) ** 2 - spread * (2 * likely + supposed * (1 - supposed))

    def end(sign: float) -> float:
        near = difference + sign * TIE
        return float(brentq(excess, near, sign)) if abs(near) < 1 and excess(near) < 0 else max(-1.0, min(1.0, near))

    return [end(-1.0), end(1.0)]


def difference_p(difference: float, samples: Figures, units: int) -> float:
    """Two-sided p that there is no difference, by Student's t of its standard error.

    Where all units differ by the same it is that of an exact test which swaps the two unit by unit, 2 / 2^units.
    """
    from scipy.special import stdtr

    if abs(difference) < TIE or units < 2:
        return 1.0
    error = standard_error(samples, units)
    if error < TIE:
        return float(2.0 ** (1 - units))
    return float(2 * stdtr(units - 1, -abs(difference) / error))
