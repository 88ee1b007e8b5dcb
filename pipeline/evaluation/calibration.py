"""Whether probabilities mean what they say: of utterances predicted with a confidence of 0.8, 0.8 should be right.

The confidence of a prediction is the probability of the class predicted, the highest. The expected calibration error is
that of Guo et al. (2017, "On calibration of modern neural networks", equation 3, with 15 bins as in their tables):
confidences in bins of equal width, ((m - 1) / 15, m / 15], and the mean over the bins of |accuracy - confidence|,
weighted by how many predictions are in each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]

BINS = 15
"""of Guo et al."""

RELIABILITY = ("bin", "low", "high", "n", "confidence", "accuracy")
"""columns of metrics/calibration/NAME.csv"""


@dataclass(frozen=True)
class Bin:
    """The predictions whose confidence lies in ((number - 1) / 15, number / 15].

    Attributes:
        number: 1 to 15.
        count: how many there are.
        confidence: their mean confidence; None where there are none.
        accuracy: the share of them that are right; None where there are none.
    """

    number: int
    count: int
    confidence: float | None
    accuracy: float | None

    @property
    def gap(self) -> float:
        """How far confidence and accuracy are apart; 0 where there are no predictions."""
        return 0.0 if self.confidence is None or self.accuracy is None else abs(self.accuracy - self.confidence)


def reliability(y: Labels, probabilities: Probabilities) -> list[Bin]:
    """All 15 bins of predictions with true classes (N,) and probabilities (N, classes); some may be empty."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y
    number = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence)
    return [_bin(i, confidence[number == i], right[number == i]) for i in range(BINS)]


def _bin(i: int, confidence: Probabilities, right: NDArray[np.bool_]) -> Bin:
    if not len(right):
        return Bin(i + 1, 0, None, None)
    return Bin(i + 1, len(right), float(confidence.mean()), float(right.mean()))


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """ECE: 0 where confidence and accuracy are the same in each bin, 1 at most."""
    total = sum(one.count for one in bins)
    return sum(one.count / total * one.gap for one in bins)


def log_loss(y: Labels, probabilities: Probabilities) -> float:
    """Mean of -log of the true class's probability (nats), as scikit-learn's, which takes 0 for 2.2e-16.

    Rows (N, classes) are divided by their sums: files hold nine digits of a probability.
    """
    from sklearn import metrics

    shares = probabilities / probabilities.sum(axis=1, keepdims=True)
    return float(metrics.log_loss(y, shares, labels=np.arange(shares.shape[1])))


def calibration(y: Labels, probabilities: Probabilities) -> dict[str, Any]:
    """ECE, log-loss, the mean confidence, and the reliability of the bins that are not empty."""
    bins = reliability(y, probabilities)
    return {
        "ECE": expected_calibration_error(bins),
        "log_loss": log_loss(y, probabilities),
        "mean_confidence": float(probabilities.max(axis=1).mean()),
        "bins": [
            {"bin": one.number, "n": one.count, "confidence": one.confidence, "accuracy": one.accuracy}
            for one in bins
            if one.count
        ],
    }


def reliability_rows(bins: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    """Rows of metrics/calibration/NAME.csv, of all 15 bins, from those that `calibration` gives."""
    known = {one["bin"]: one for one in bins}
    for number in range(1, BINS + 1):
        one = known.get(number, {"n": 0})
        figures = (f"{one[name]:.4f}" if name in one else "" for name in ("confidence", "accuracy"))
        yield [str(number), f"{(number - 1) / BINS:.4f}", f"{number / BINS:.4f}", str(one["n"]), *figures]
