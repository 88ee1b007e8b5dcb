"""Which of two systems is better, of those tested on the same utterances: the difference of their UA, and tests of it.

- McNemar's exact test: whether the two err equally often. It counts utterances as if each were another's.
- The paired bootstrap (Efron and Tibshirani 1993): both systems on the same resampled speakers tell the standard error
  of the difference, of which Student's t makes an interval and p. Where no speaker differs from another there is no
  such error: p is then of an exact test over speakers, and the interval one over recordings. See
  `pipeline.evaluation.bootstrap`.

p is corrected for all pairs of a test set by Holm's method (1979): who compares many systems finds some by chance.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config.scoring import ScoringParams
from pipeline.evaluation.bootstrap import (
    Figures,
    counted,
    difference_interval,
    difference_p,
    effective_tests,
    mean_recalls,
    resampled,
    times_tested,
    units_of,
)
from pipeline.evaluation.scores import mcnemar
from pipeline.experiments.predictions import Predictions, write_csv

COLUMNS = ("first", "second", "utterances", "p_mcnemar", "UA_difference", "low", "high", "p", "p_holm")
"""of metrics/comparisons.csv"""

Labels = NDArray[np.int64]
Shares = NDArray[np.bool_] | NDArray[np.float64]
TestSet = tuple[str, bool, tuple[str, ...], tuple[tuple[int, str, str], ...]]
"""corpus, whether its speakers were heard, classes, and of each test its split, key and emotion"""


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same tests.

    Attributes:
        first: an experiment or a fusion.
        second: another.
        corpus: of both.
        utterances: that are tested.
        p_mcnemar: of McNemar's test; None where utterances are tested several times, as the test cannot count so.
        difference: UA of the first less UA of the second.
        low: the lower end of its interval.
        high: the upper end.
        p: two-sided, of the paired bootstrap.
        p_holm: p, corrected for all pairs of the test set.
    """

    first: str
    second: str
    corpus: str
    utterances: int
    p_mcnemar: float | None
    difference: float
    low: float
    high: float
    p: float
    p_holm: float = 1.0

    def cells(self) -> list[str]:
        """A row of metrics/comparisons.csv."""
        exact = "" if self.p_mcnemar is None else f"{self.p_mcnemar:.4g}"
        figures = (f"{value:.4f}" for value in (self.difference, self.low, self.high))
        ps = (f"{value:.4g}" for value in (self.p, self.p_holm))
        return [self.first, self.second, str(self.utterances), exact, *figures, *ps]


def compare(predictions: Mapping[str, Predictions], params: ScoringParams, seed: int) -> list[Comparison]:
    """All pairs of experiments and fusions whose test parts are the same, in each split of the corpus, each pair once.

    Of several trainings each is right by so much as the share of trainings that are. Those whose test speakers were
    heard are not held against those whose were not.

    Args:
        predictions: of each experiment and fusion.
        params: how to score.
        seed: of the bootstrap.
    """
    alike: dict[TestSet, list[str]] = {}
    for name, one in predictions.items():
        alike.setdefault(_test_set(one), []).append(name)
    tables = [_compared({name: predictions[name] for name in names}, params, seed) for names in alike.values()]
    pairs = {(one.first, one.second): one for table in tables for one in _corrected([*table])}
    return [pairs[names] for names in combinations(predictions, 2) if names in pairs]


def _test_set(one: Predictions) -> TestSet:
    tests = sorted({(_split(one, i), one.keys[i], one.emotions[i]) for i in one.where("test")})
    return one.card["corpus"], bool(one.card["speaker_dependent"]), tuple(one.classes), tuple(tests)


def _split(one: Predictions, row: int) -> int:
    """Which split of the corpus a row is of, whichever training."""
    return one.fold[row] // (one.folds_of_a_split * one.trainings)


def _compared(members: Mapping[str, Predictions], params: ScoringParams, seed: int) -> Iterator[Comparison]:
    """Each pair of systems with one test set."""
    if len(members) < 2:
        return
    one, rows = next(iter(members.values())), {name: _in_order(found) for name, found in members.items()}
    where = next(iter(rows.values()))[:, 0]
    y, keys = one.labels(where), [one.keys[i] for i in where]
    predicted = {name: _predicted(found, rows[name]) for name, found in members.items()}
    right = {name: (labels == y[:, None]).mean(axis=1) for name, labels in predicted.items()}
    units = units_of(keys, [one.speakers[i] for i in where])
    paired = PairedBootstrap(y, units, right, params, seed, times_tested(keys))
    for first, second in combinations(members, 2):
        once = members[first].splits == members[second].splits == 1
        p_mcnemar = mcnemar(y, predicted[first][:, 0], predicted[second][:, 0]) if once else None
        about = first, second, one.card["corpus"], len({*keys}), p_mcnemar
        yield Comparison(*about, *paired.interval(first, second), paired.p(first, second))


def _in_order(one: Predictions) -> Labels:
    """The rows of its tests, (tests, trainings), by split and key."""
    rows = sorted(one.where("test"), key=lambda i: (_split(one, i), one.keys[i], one.fold[i]))
    return np.array(rows).reshape(-1, one.trainings)


def _predicted(one: Predictions, rows: Labels) -> Labels:
    """The classes of such rows, in their shape."""
    return one.probabilities(rows.ravel()).argmax(axis=1).reshape(rows.shape)


class PairedBootstrap:
    """UA of several systems on the same resampled units.

    Args:
        y: true classes (N,).
        units: what is resampled, of each test.
        right: system -> whether it is right (N,), or how often, from 0 to 1.
        params: how to score.
        seed: of the bootstrap.
        times: how often each recording is among the tests.
    """

    def __init__(
        self,
        y: Labels,
        units: Sequence[str],
        right: Mapping[str, Shares],
        params: ScoringParams,
        seed: int,
        times: float = 1,
    ) -> None:
        self._confidence, self._y = params.confidence, y
        self._right = {name: share.astype(float) for name, share in right.items()}
        totals = counted(y, units)
        self._totals = totals.sum(axis=0, keepdims=True)
        self._tests = effective_tests(self._totals[0] / times)
        hits = {name: counted(y, units, share) for name, share in right.items()}
        self._units = len(totals)
        drawn, *right_drawn = resampled([totals, *hits.values()], totals, params.bootstrap, seed)
        self._ua = {name: mean_recalls(own, drawn) for name, own in zip(hits, right_drawn, strict=True)}

    def interval(self, first: str, second: str) -> tuple[float, float, float]:
        """UA of the first less UA of the second, and the ends of its interval."""
        difference, samples = self._difference(first, second)
        tests = self._tests, self._discordant(first, second)
        low, high = difference_interval(difference, samples, self._units, self._confidence, *tests)
        return difference, low, high

    def p(self, first: str, second: str) -> float:
        """Two-sided p that UA is the same."""
        return difference_p(*self._difference(first, second), self._units)

    def _discordant(self, first: str, second: str) -> float:
        """The share of tests of which one is right, and not the other; as UA, the mean over classes."""
        apart = np.abs(self._right[first] - self._right[second])
        return float(mean_recalls(counted(self._y, [""] * len(self._y), apart), self._totals)[0])

    def _difference(self, first: str, second: str) -> tuple[float, Figures]:
        """Of the units themselves, and of the samples of them."""
        differences = self._ua[first] - self._ua[second]
        return float(differences[0]), differences[1:]


def holm(ps: Sequence[float]) -> list[float]:
    """p-values of one family corrected by Holm's step-down method (1979), in their order.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none is below one before it, nor above 1.
    """
    corrected, highest = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[i]))
        corrected[i] = highest
    return corrected


def _corrected(pairs: Sequence[Comparison]) -> list[Comparison]:
    """The same with `p_holm`, as one family."""
    corrected = holm([one.p for one in pairs])
    return [replace(one, p_holm=p) for one, p in zip(pairs, corrected, strict=True)]


def write_comparisons(pairs: Sequence[Comparison], path: Path) -> None:
    """Write metrics/comparisons.csv."""
    write_csv(path, COLUMNS, (one.cells() for one in pairs))
