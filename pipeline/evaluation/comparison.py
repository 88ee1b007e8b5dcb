"""Which of two systems is better, of those tested on the same utterances: the difference of their UA, and tests of it.

- McNemar's exact test: whether the two err equally often. It counts utterances as if each were another's.
- The paired bootstrap (Efron and Tibshirani 1993, chapters 13 and 15): both systems on the same resampled speakers. The
  interval is that of the percentiles, and p twice the share of samples on the far side of 0.

p is corrected for all pairs of a corpus by Holm's method (1979): who compares many systems finds differences by chance.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config.scoring import ScoringParams
from pipeline.evaluation.bootstrap import Figures, counted, mean_recalls, resamples, tails, units_of
from pipeline.evaluation.scores import mcnemar
from pipeline.experiments.predictions import Predictions, write_csv

ROUNDS = 10
"""of `bootstrap` samples each: p must be small enough to stay so when it is corrected for many pairs"""

COLUMNS = ("first", "second", "utterances", "p_mcnemar", "UA_difference", "low", "high", "p", "p_holm")
"""of metrics/comparisons.csv"""

Labels = NDArray[np.int64]
TestSet = tuple[str, tuple[str, ...], tuple[tuple[int, str, str], ...]]
"""corpus, classes, and of each test its split, key and emotion"""


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same tests.

    Attributes:
        first: an experiment or a fusion.
        second: another.
        corpus: of both.
        utterances: that are tested.
        p_mcnemar: of McNemar's test; None where a protocol tests utterances several times, as the test cannot count so.
        difference: UA of the first less UA of the second.
        low: the lower end of its interval.
        high: the upper end.
        p: two-sided, of the paired bootstrap.
        p_holm: p, corrected for all pairs of the corpus.
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

    Args:
        predictions: of each experiment and fusion.
        params: how to score.
        seed: of the bootstrap.
    """
    alike: dict[TestSet, list[str]] = {}
    for name, one in predictions.items():
        alike.setdefault(_test_set(one), []).append(name)
    tables = [_compared({name: predictions[name] for name in names}, params, seed) for names in alike.values()]
    pairs = {(one.first, one.second): one for table in tables for one in table}
    return _corrected([pairs[names] for names in combinations(predictions, 2) if names in pairs])


def _test_set(one: Predictions) -> TestSet:
    tests = sorted((one.fold[i] // one.folds_of_a_split, one.keys[i], one.emotions[i]) for i in one.where("test"))
    return one.card["corpus"], tuple(one.classes), tuple(tests)


def _compared(members: Mapping[str, Predictions], params: ScoringParams, seed: int) -> Iterator[Comparison]:
    """Each pair of systems with one test set."""
    if len(members) < 2:
        return
    one, rows = next(iter(members.values())), {name: _in_order(found) for name, found in members.items()}
    where = next(iter(rows.values()))
    y, keys = one.labels(where), [one.keys[i] for i in where]
    predicted = {name: found.probabilities(rows[name]).argmax(axis=1) for name, found in members.items()}
    paired = PairedBootstrap(y, units_of(keys, [one.speakers[i] for i in where]), predicted, params, seed)
    for first, second in combinations(members, 2):
        p_mcnemar = mcnemar(y, predicted[first], predicted[second]) if one.splits == 1 else None
        about = first, second, one.card["corpus"], len({*keys}), p_mcnemar
        yield Comparison(*about, *paired.interval(first, second), paired.p(first, second))


def _in_order(one: Predictions) -> Labels:
    """The rows of its tests, by split and key."""
    return np.array(sorted(one.where("test"), key=lambda i: (one.fold[i] // one.folds_of_a_split, one.keys[i])))


class PairedBootstrap:
    """UA of several systems on the same resampled units.

    Args:
        y: true classes (N,).
        units: what is resampled, of each test.
        predicted: system -> predicted classes (N,).
        params: how to score.
        seed: of the bootstrap.
    """

    def __init__(
        self, y: Labels, units: Sequence[str], predicted: Mapping[str, Labels], params: ScoringParams, seed: int
    ) -> None:
        self._confidence = params.confidence
        totals = counted(y, units)
        self._hits = {name: counted(y, units, y == labels) for name, labels in predicted.items()}
        whole = totals.sum(axis=0, keepdims=True)
        self._ua = {name: mean_recalls(hits.sum(axis=0, keepdims=True), whole)[0] for name, hits in self._hits.items()}
        drawn: dict[str, list[Figures]] = {name: [] for name in predicted}
        for number in range(ROUNDS):
            samples = resamples(totals, params.bootstrap, [seed, number])
            for name, hits in self._hits.items():
                drawn[name].append(mean_recalls(samples @ hits, samples @ totals))
        self._drawn = {name: np.concatenate(each) for name, each in drawn.items()}

    def interval(self, first: str, second: str) -> tuple[float, float, float]:
        """UA of the first less UA of the second, and the ends of its percentile interval."""
        low, high = np.quantile(self._drawn[first] - self._drawn[second], tails(self._confidence))
        return float(self._ua[first] - self._ua[second]), float(low), float(high)

    def p(self, first: str, second: str) -> float:
        """Two-sided p that UA is the same.

        It is never below 2 / 2^n, of n units on which the two differ: what an exact test could reach that swaps the two
        unit by unit. Few speakers cannot show more, while a bootstrap of few is too sure.
        """
        differences = self._drawn[first] - self._drawn[second]
        beyond = min(np.sum(differences <= TIE), np.sum(differences >= -TIE))
        units = int(np.any(self._hits[first] != self._hits[second], axis=1).sum())
        return float(min(1.0, max(2 * (beyond + 1) / (len(differences) + 1), 2.0 ** (1 - units))))


TIE = 1e-9
"""a difference that rounding can make of none"""


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
    """The same with `p_holm`: all pairs of a corpus are a family."""
    known: dict[int, float] = {}
    for corpus in {one.corpus for one in pairs}:
        family = [i for i, one in enumerate(pairs) if one.corpus == corpus]
        known |= dict(zip(family, holm([pairs[i].p for i in family]), strict=True))
    return [replace(one, p_holm=known[i]) for i, one in enumerate(pairs)]


def write_comparisons(pairs: Sequence[Comparison], path: Path) -> None:
    """Write metrics/comparisons.csv."""
    write_csv(path, COLUMNS, (one.cells() for one in pairs))
