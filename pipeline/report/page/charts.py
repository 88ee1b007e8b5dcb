"""Charts that the page draws itself: shapes whose places are parts of the chart's width and height (%).

So they are as wide as the screen, their texts stay legible, and they take the page's colours, dark ones too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.report.page.tables import Row


@dataclass(frozen=True)
class Bar:
    """A bin of a reliability diagram.

    Attributes:
        x, width: where it stands, and how wide it is.
        accuracy, confidence: of its predictions (%).
        count: how many they are.
        share: that of the largest bin's.
    """

    x: float
    width: float
    accuracy: float
    confidence: float
    count: float
    share: float


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram, and the expected calibration error of its bins (Guo et al. 2017, equation 3)."""

    bars: Sequence[Bar]
    error: float

    @property
    def tendency(self) -> str:
        """Whether predictions are surer than they are right, over all."""
        total = sum(bar.count for bar in self.bars)
        gap = sum(bar.count * (bar.confidence - bar.accuracy) for bar in self.bars) / total
        words = "too sure" if gap > 0 else "less sure than they could be"
        return f"on the whole {words}, by {abs(gap):.1f} points" if abs(gap) >= 1 else "on the whole as sure as right"


def reliability(rows: Sequence[Row]) -> Reliability | None:
    """The diagram of a table bin, n, confidence, accuracy (0 to 1); None where it counts nothing."""
    used = [row for row in rows if row["n"] and None not in (row["confidence"], row["accuracy"])]
    if not used:
        return None
    total, most = sum(row["n"] for row in used), max(row["n"] for row in used)
    bars = [
        Bar(*_extent(row, number, len(rows)), 100 * row["accuracy"], 100 * row["confidence"], row["n"], row["n"] / most)
        for number, row in enumerate(rows)
        if row in used
    ]
    return Reliability(bars, sum(bar.count * abs(bar.accuracy - bar.confidence) for bar in bars) / total / 100)


def _extent(row: Row, number: int, bins: int) -> tuple[float, float]:
    """Where a bin begins, and how wide it is: as the table says, else one of equal bins."""
    if row.get("low") is None or row.get("high") is None:
        return 100 * number / bins, 100 / bins
    return 100 * row["low"], 100 * (row["high"] - row["low"])


@dataclass(frozen=True)
class Point:
    """UA of a layer (%), the ends of its interval, where it stands on the axis (%), and how many folds chose it."""

    layer: str
    x: float
    ua: float
    low: float
    high: float
    folds: int


@dataclass(frozen=True)
class LayerCurve:
    """UA by layer, and the lines between neighbours."""

    points: Sequence[Point]

    @property
    def lines(self) -> list[tuple[Point, Point]]:
        """Neighbours."""
        return [*pairwise(self.points)]

    @property
    def best(self) -> Point:
        """The layer with the highest UA, the first of several."""
        return max(self.points, key=lambda point: point.ua)


def layer_curve(rows: Sequence[Row]) -> LayerCurve | None:
    """The curve of a table of layers, with UA and its interval (0 to 1); None where no layer has a UA."""
    known = [row for row in rows if row["UA"] is not None]
    step = 100 / max(1, len(known))
    points = [
        Point(row["layer"], step * (i + 0.5), *_percents(row), int(row["chosen_in_folds"] or 0))
        for i, row in enumerate(known)
    ]
    return LayerCurve(points) if points else None


def _percents(row: Row) -> tuple[float, float, float]:
    low, high = (row["UA"] if row[end] is None else row[end] for end in ("UA_low", "UA_high"))
    return 100 * row["UA"], 100 * low, 100 * high
