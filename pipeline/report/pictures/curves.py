"""Training curves: a panel for each measure, in it a thin line for each fold and a thick, black one for their mean."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.report.pictures.heading import write_heading
from pipeline.report.pictures.svg import BLUE, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, float]]
"""fold, epoch and measures, those that there are, of each epoch"""

Lines = Mapping[int, NDArray[np.float64]]
"""fold -> its epochs and values (epochs, 2)"""

PANELS = (("train_loss", "valid_loss"), ("train_acc", "valid_acc"))
"""measures by row and column: loss, accuracy; training, validation"""

TITLES = {
    "train_loss": "training loss",
    "valid_loss": "validation loss",
    "train_acc": "training accuracy (%)",
    "valid_acc": "validation accuracy (%)",
}
WIDTH, HEIGHT = 3.2, 1.9
"""of a panel (inches)"""


def draw_curves(name: str, texts: Sequence[str], rows: Rows) -> "Figure":
    """The picture of an experiment's epochs, one of which at least has a figure. Panels of a row share their axis."""
    from matplotlib.figure import Figure

    grid = measures_of(rows)
    figure = Figure(figsize=(WIDTH * len(grid[0]), HEIGHT * len(grid)))
    panels = figure.subplots(len(grid), len(grid[0]), sharex=True, sharey="row", squeeze=False)
    figure.subplots_adjust(0, 0, 1, 1, wspace=0.12, hspace=0.35)
    for axes, measure in zip(panels.flat, [measure for line in grid for measure in line], strict=True):
        _draw_panel(axes, measure, lines_of(rows, measure))
    last = max(row["epoch"] for row in rows)
    panels[0][0].set_xlim(min(0.9, 1 - last / 50), last + max(0.1, last / 50))
    for axes in panels[-1]:
        axes.set_xlabel("epoch")
    write_heading(panels[0][0], name, [*texts, _legend(rows)], columns=66 if len(grid[0]) == 1 else 90, above=24)
    return figure


def measures_of(rows: Rows) -> list[list[str]]:
    """The measures by row and column, without rows and columns that have no figure."""
    known = {name for row in rows for name in row}
    columns = [i for i in range(2) if any(line[i] in known for line in PANELS)]
    return [[line[i] for i in columns] for line in PANELS if known & {*line}]


def lines_of(rows: Rows, measure: str) -> Lines:
    """What each fold has of a measure, in the order of epochs."""
    folds: dict[int, list[tuple[float, float]]] = {}
    for row in rows:
        if measure in row:
            folds.setdefault(int(row["fold"]), []).append((row["epoch"], row[measure]))
    return {fold: np.array(sorted(points)) for fold, points in folds.items()}


def mean_line(lines: Lines) -> NDArray[np.float64]:
    """Epochs and the mean over folds (epochs, 2), as far as all folds go: later it would be a mean of other folds."""
    shortest = min(map(len, lines.values()))
    return np.mean([line[:shortest] for line in lines.values()], axis=0)


def _draw_panel(axes: "Axes", measure: str, lines: Lines) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(TITLES[measure], loc="left", fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    if not lines:
        axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, ha="center", va="center", color="0.5")
        return
    scale = np.array([1, 100 if measure.endswith("acc") else 1])
    style = {"color": BLUE if measure.startswith("train") else ORANGE}
    for line in lines.values():
        _draw_line(axes, line * scale, **style, linewidth=0.7 if len(lines) > 1 else 1.8)
    if len(lines) > 1:
        _draw_line(axes, mean_line(lines) * scale, color="black", linewidth=1.8)


def _draw_line(axes: "Axes", line: NDArray[np.float64], **style: Any) -> None:
    """A line, or a point where there is one epoch."""
    axes.plot(*line.T, marker="o" if len(line) == 1 else "", markersize=3, **style)


def _legend(rows: Rows) -> str:
    folds = len({row["fold"] for row in rows})
    return "a thin line for each fold; black: their mean, as far as all folds run" if folds > 1 else ""
