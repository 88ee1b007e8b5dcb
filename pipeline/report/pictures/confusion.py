"""A confusion matrix: rows actual, columns predicted, in each cell the count and its share of the row."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.report.pictures.heading import write_heading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL = 0.56
"""width and height of a cell (inches), where a count of six digits fits"""
DIGIT = CELL / 6
"""what each digit of a longer count needs"""

DARK = 0.7
"""recall above which the colour is too dark for black text"""

CAPTION = """\
Rows: actual emotion, and how many test utterances it has.
Each cell: how many of them were taken for the column's
emotion, and their share; on the diagonal, recall."""


def draw_confusion(name: str, texts: Sequence[str], classes: Sequence[str], counts: NDArray[np.int64]) -> "Figure":
    """The picture of counts (classes, classes) under a name and texts; all classes have a row and a column."""
    from matplotlib.figure import Figure

    size = max(CELL, DIGIT * len(str(counts.max()))) * len(classes)
    figure = Figure(figsize=(size, size))
    axes = figure.add_axes((0, 0, 1, 1))
    totals = counts.sum(axis=1, keepdims=True)
    recall = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    axes.pcolormesh(recall, cmap="Blues", vmin=0, vmax=1, edgecolors="0.85", linewidth=0.5)
    axes.invert_yaxis()
    _label(axes, classes, totals[:, 0])
    for row, column in np.ndindex(counts.shape):
        _fill(axes, row, column, int(counts[row, column]), recall[row, column], bool(totals[row]))
    write_heading(axes, name, texts)
    return figure


def _label(axes: "Axes", classes: Sequence[str], totals: NDArray[np.int64]) -> None:
    centres = np.arange(len(classes)) + 0.5
    axes.set_yticks(centres, [f"{name} ({total})" for name, total in zip(classes, totals, strict=True)])
    axes.set_xticks(centres, classes, rotation=40, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_ylabel("actual")
    axes.set_xlabel(f"predicted\n\n{CAPTION}", loc="left")


def _fill(axes: "Axes", row: int, column: int, count: int, recall: float, tested: bool) -> None:
    from matplotlib.patches import Rectangle

    colour = "white" if recall > DARK else "black" if count else "0.6"
    if row == column:
        axes.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor="black", linewidth=1))
    centre: dict[str, Any] = {"ha": "center", "va": "center", "color": colour}
    axes.text(column + 0.5, row + 0.36, str(count), fontsize=9.5, **centre)
    axes.text(column + 0.5, row + 0.7, f"{recall:.0%}" if tested else "–", fontsize=7, **centre)
