"""A reliability diagram: accuracy by confidence, beside the diagonal on which the two agree; below, how many tests."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.evaluation.calibration import BINS
from pipeline.report.pictures.heading import write_heading
from pipeline.report.pictures.svg import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = 3.2
"""width and height of the diagram (inches)"""
COUNTS = 0.25
"""height of the counts, of the diagram's"""

CAPTION = """\
Bars: how many of the predictions in a bin are right.
Dots: their mean confidence. A bar that ends below its dot
is of predictions that were too sure."""


def draw_reliability(name: str, texts: Sequence[str], bins: Sequence[Mapping[str, Any]]) -> "Figure":
    """The picture of bins, see `calibration`, under a name and texts."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SIZE, SIZE * (1.08 + COUNTS)))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1, COUNTS))
    figure.subplots_adjust(0, 0, 1, 1, hspace=0.08)
    _draw_bins(upper, bins)
    _draw_counts(lower, bins)
    write_heading(upper, name, texts)
    return figure


def _centre(one: Mapping[str, Any]) -> float:
    return 100 * (float(one["bin"]) - 0.5) / BINS


def _draw_bins(axes: "Axes", bins: Sequence[Mapping[str, Any]]) -> None:
    accuracies, confidences = ([100 * one[figure] for one in bins] for figure in ("accuracy", "confidence"))
    axes.set(xlim=(0, 100), ylim=(0, 100), aspect="equal", ylabel="accuracy (%)")
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.bar([*map(_centre, bins)], accuracies, 100 / BINS, color=BLUE, alpha=0.75, edgecolor="white", linewidth=0.6)
    axes.plot([0, 100], [0, 100], color=GREY, linewidth=1, linestyle=(0, (3, 2)))
    axes.plot([*map(_centre, bins)], confidences, "o", color=ORANGE, markersize=4, clip_on=False)


def _draw_counts(axes: "Axes", bins: Sequence[Mapping[str, Any]]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.bar(
        [*map(_centre, bins)], [one["n"] for one in bins], 100 / BINS, color="0.7", edgecolor="white", linewidth=0.6
    )
    axes.yaxis.set_major_locator(MaxNLocator(2, integer=True, min_n_ticks=1))
    axes.set_ylabel("tests")
    axes.set_xlabel(f"confidence: the highest probability (%)\n\n{CAPTION}", loc="left")
