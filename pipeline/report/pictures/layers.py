"""UA by layer, with intervals, of a probe that tried each layer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.report.pictures.heading import write_heading
from pipeline.report.pictures.svg import PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 5.0, 2.6
"""inches"""


def draw_layers(name: str, texts: Sequence[str], rows: Sequence[Sequence[str]], chance: float) -> "Figure":
    """The picture of a table of `evaluation.layers`.

    Args:
        name: the experiment's.
        texts: what else is to be said of it, a line each.
        rows: a row for each layer: layer, UA, its interval's ends, WA, folds in which it was chosen.
        chance: UA of guessing (%).
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(WIDTH, HEIGHT))
    axes = figure.subplots()
    figure.subplots_adjust(0, 0, 1, 1)
    layers = [int(row[0]) for row in rows]
    ua, low, high = ([100 * float(row[column]) for row in rows] for column in (1, 2, 3))
    axes.fill_between(layers, low, high, color=PALETTE[0], alpha=0.2, linewidth=0)
    axes.plot(layers, ua, "o-", color=PALETTE[0], markersize=4)
    for layer, top, row in zip(layers, high, rows, strict=True):
        if row[5] != "0":
            axes.annotate(row[5], (layer, top), (0, 3), textcoords="offset points", ha="center", fontsize=8)
    axes.axhline(chance, color="0.5", linestyle=(0, (4, 2)), linewidth=1)
    axes.annotate(
        "chance", (layers[-1], chance), (0, 3), textcoords="offset points", ha="right", fontsize=8, color="0.4"
    )
    axes.set_ylim(0, 100)
    axes.margins(x=0.04)
    axes.xaxis.set_major_locator(MaxNLocator(13, integer=True, min_n_ticks=1))
    axes.set_xlabel("hidden state (0: the input of the first block)")
    axes.set_ylabel("UA (%)")
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    legend = "band: the interval of each layer; numbers: in how many folds inner folds chose it"
    write_heading(axes, name, [*texts, legend], columns=72, above=24)
    return figure
