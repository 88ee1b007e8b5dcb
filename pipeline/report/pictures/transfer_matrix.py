"""Heat maps of sources and targets: rows trained on, columns tested on, in each cell UA (%), or CCC of numbers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.evaluation.transfer_matrix import Cell, Matrix
from pipeline.report.pictures.heading import write_heading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, GAP = 1.15, 0.62, 1.5
"""of a cell, and between two matrices (inches)"""
DARK = 0.7
"""a score above which the colour is too dark for black text"""
CAPTION = "In brackets the interval over speakers. Framed: trained and tested within one corpus."
SEVERAL = " +1: with one more score, as of another protocol, which the tables have."
"""said where a cell has several scores"""


def draw_matrices(matrices: Sequence[Matrix]) -> "Figure":
    """One heat map under the other; a cell with several scores shows the first, and how many more there are."""
    from matplotlib.figure import Figure

    heights = [HEIGHT * len(matrix.sources) + GAP for matrix in matrices]
    width = WIDTH * max(len(matrix.targets) for matrix in matrices)
    figure = Figure(figsize=(width, sum(heights)))
    top = sum(heights)
    for matrix, height in zip(matrices, heights, strict=True):
        top -= height
        own = HEIGHT * len(matrix.sources), WIDTH * len(matrix.targets)
        axes = figure.add_axes((0, (top + GAP / 2) / sum(heights), own[1] / width, own[0] / sum(heights)))
        _draw(axes, matrix)
    return figure


def _draw(axes: "Axes", matrix: Matrix) -> None:
    rows, columns = matrix.sources, matrix.targets
    values = np.full((len(rows), len(columns)), np.nan)
    for (source, target), cells in matrix.cells.items():
        values[rows.index(source), columns.index(target)] = cells[0].score
    axes.pcolormesh(np.ma.masked_invalid(values), cmap="Blues", vmin=0, vmax=1, edgecolors="0.85", linewidth=0.5)
    axes.invert_yaxis()
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_ylabel("trained on")
    axes.set_xlabel("tested on", loc="left")
    for (source, target), cells in matrix.cells.items():
        _fill(axes, matrix, (rows.index(source), columns.index(target)), cells)
    several = SEVERAL * any(len(cells) > 1 for cells in matrix.cells.values())
    write_heading(axes, matrix.system, [f"{matrix.setting}: {matrix.measure}. {CAPTION}{several}"])


def _fill(axes: "Axes", matrix: Matrix, place: tuple[int, int], cells: Sequence[Cell]) -> None:
    from matplotlib.patches import Rectangle

    (row, column), (cell, *others) = place, cells
    more, colour = len(others), "white" if cell.score > DARK else "black"
    if cell.is_within:
        axes.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor="black", linewidth=1))
    text = f"{matrix.shown(cell.score)}{'*' * cell.is_transductive}{f' +{more}' * bool(more)}"
    axes.text(column + 0.5, row + 0.38, text, fontsize=9.5, ha="center", va="center", color=colour)
    if cell.low is not None and cell.high is not None:
        ends = f"[{matrix.shown_end(cell.low)}, {matrix.shown_end(cell.high)}]"
        axes.text(column + 0.5, row + 0.72, ends, fontsize=7, ha="center", va="center", color=colour)
