"""Training curves: a panel for each measure, in it a thin line for each fold and a thick, black one for their mean.

As many folds as `STYLES` has are told apart by colours and dashes. A large dot is the epoch that was kept.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.report.pictures.heading import write_heading
from pipeline.report.pictures.svg import ORANGE, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, float]]
"""fold, epoch and measures, those that there are, of each epoch"""

Lines = Mapping[int, NDArray[np.float64]]
"""fold -> its epochs and values (epochs, 2)"""

Styles = Mapping[int, Mapping[str, Any]]
"""fold -> colour and dashes of its lines"""

PANELS = (("train_loss", "valid_loss"), ("train_acc", "valid_acc"))
"""measures by row and column: loss, accuracy; training, validation"""

TITLES = {
    "train_loss": "training loss",
    "valid_loss": "validation loss",
    "train_acc": "training accuracy (%)",
    "valid_acc": "validation accuracy (%)",
}
BEST = {"valid_loss": "lowest validation loss", "valid_acc": "highest validation accuracy"}
"""measure that can choose the epoch kept -> what it has there"""

WIDTH, HEIGHT = 3.2, 1.9
"""of a panel (inches)"""

STYLES = tuple({"color": colour, "linestyle": dashes} for dashes in ("-", (0, (4, 1.5))) for colour in PALETTE)
"""of folds that are told apart"""
PALE = {"color": "0.7", "linestyle": "-"}
"""of every fold, where there are more"""


def draw_curves(name: str, texts: Sequence[str], rows: Rows, chosen_by: str | None = None) -> "Figure":
    """The picture of an experiment's epochs, one of which at least has a figure. Panels of a row share their axis.

    Args:
        name: the experiment's.
        texts: what else is to be said of it, a line each.
        rows: its epochs.
        chosen_by: the measure that chose the epoch kept, see `choosing_measure`; where none did, no epoch is marked.
    """
    from matplotlib.figure import Figure

    grid, styles = measures_of(rows), _styles(rows)
    figure = Figure(figsize=(WIDTH * len(grid[0]), HEIGHT * len(grid)))
    panels = figure.subplots(len(grid), len(grid[0]), sharex=True, sharey="row", squeeze=False)
    figure.subplots_adjust(0, 0, 1, 1, wspace=0.12, hspace=0.35)
    for axes, measure in zip(panels.flat, [measure for line in grid for measure in line], strict=True):
        _draw_panel(axes, measure, lines_of(rows, measure), styles, measure == chosen_by)
    last = max(row["epoch"] for row in rows)
    panels[0][0].set_xlim(min(0.9, 1 - last / 50), last + max(0.1, last / 50))
    for axes in panels[-1]:
        axes.set_xlabel("epoch")
    _draw_key(panels[0][-1], styles)
    explained = [*texts, *_explanations(rows, chosen_by)]
    write_heading(panels[0][0], name, explained, columns=66 if len(grid[0]) == 1 else 90, above=24)
    return figure


def choosing_measure(params: Mapping[str, Any]) -> str | None:
    """The measure that chose the epoch kept, by an experiment's params; None where none did, or none can be marked.

    Of several networks (`seeds`), each kept an epoch of its own, and the curve is their mean.
    """
    chose = params.get("stop") and params.get("monitor") in BEST and params.get("seeds", 1) == 1
    return str(params["monitor"]) if chose else None


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
    """Epochs and the mean over the folds that got so far (epochs, 2), as long as half of the folds did."""
    reached: dict[float, list[float]] = {}
    for epoch, value in np.concatenate([*lines.values()]):
        reached.setdefault(epoch, []).append(value)
    means = [(epoch, np.mean(values)) for epoch, values in sorted(reached.items()) if 2 * len(values) >= len(lines)]
    return np.array(means).reshape(-1, 2)


def goes_beyond(lines: Lines) -> bool:
    """Whether some of the mean is of fewer than all folds."""
    return bool(np.any(mean_line(lines)[:, 0] > _shortest(lines)))


def _shortest(lines: Lines) -> float:
    """The last epoch of the fold that stopped first."""
    return min(float(line[-1, 0]) for line in lines.values())


def kept_points(lines: Lines, measure: str) -> Lines:
    """Epoch and value (1, 2) of the first epoch of each fold than which none is better by a measure of `BEST`."""
    sign = 1 if measure == "valid_loss" else -1
    return {fold: line[[np.argmin(sign * line[:, 1])]] for fold, line in lines.items()}


def _styles(rows: Rows) -> Styles:
    folds = sorted({int(row["fold"]) for row in rows})
    return dict(zip(folds, STYLES if len(folds) <= len(STYLES) else [PALE] * len(folds), strict=False))


def _draw_panel(axes: "Axes", measure: str, lines: Lines, styles: Styles, choosing: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(TITLES[measure], loc="left", fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.yaxis.get_offset_text().set(x=-0.02, ha="right", va="bottom")  # else a 1e6 takes the title's place
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    if not lines:
        axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, ha="center", va="center", color="0.5")
        return
    scale = np.array([1, 100 if measure.endswith("acc") else 1])
    scaled = {fold: line * scale for fold, line in lines.items()}
    for fold, line in scaled.items():
        _draw_line(axes, line, **styles[fold], linewidth=0.8 if len(lines) > 1 else 1.8)
    if len(lines) > 1:
        _draw_mean(axes, scaled)
    if choosing:
        _draw_kept(axes, kept_points(scaled, measure), styles)


def _draw_line(axes: "Axes", line: NDArray[np.float64], **style: Any) -> None:
    """A line, or a point where there is one epoch."""
    axes.plot(*line.T, marker="o" if len(line) == 1 else "", markersize=3, **style)


def _draw_mean(axes: "Axes", lines: Lines) -> None:
    """Solid as far as all folds run, dashed beyond."""
    mean, last = mean_line(lines), _shortest(lines)
    if goes_beyond(lines):
        axes.plot(*mean[mean[:, 0] >= last].T, color="black", linewidth=1.2, linestyle=(0, (3, 1.5)))
    _draw_line(axes, mean[mean[:, 0] <= last], color="black", linewidth=1.8)


def _draw_kept(axes: "Axes", points: Lines, styles: Styles) -> None:
    """A dot in each fold's colour, hollow where its line is dashed, and one that is seen where all are pale."""
    for fold, point in points.items():
        colour = ORANGE if styles[fold] is PALE else styles[fold]["color"]
        filling = colour if styles[fold]["linestyle"] == "-" else "white"
        axes.plot(*point.T, "o", color=colour, markerfacecolor=filling, markersize=5, zorder=3)


def _draw_key(axes: "Axes", styles: Styles) -> None:
    """Which line is which fold's, to the right of the panels, where they differ."""
    from matplotlib.lines import Line2D

    if 1 < len(styles) <= len(STYLES):
        handles = [Line2D([], [], **style, label=str(fold)) for fold, style in styles.items()]
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.03, 1.0), "borderaxespad": 0}
        axes.legend(handles=handles, title="fold", frameon=False, fontsize=8, title_fontsize=8, **place)


def _explanations(rows: Rows, chosen_by: str | None) -> list[str]:
    """What the lines and dots are."""
    lines = lines_of([{"any": 0.0, **row} for row in rows], "any")
    texts = []
    if len(lines) > 1:
        mean = "grey: the folds; black: their mean" if len(lines) > len(STYLES) else "black: mean of the folds"
        texts.append(mean + ("; dashed: of those still running, at least half" if goes_beyond(lines) else ""))
    if chosen_by is not None and lines_of(rows, chosen_by):
        texts.append(f"large dot: the epoch that was kept, the first with the {BEST[chosen_by]}")
    return texts
