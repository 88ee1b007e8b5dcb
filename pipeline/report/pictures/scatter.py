"""Predicted against true numbers: a panel for each target, a dot for each test utterance, a line where both agree."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import atomic_path
from pipeline.evaluation.value_matrix import value_matrices
from pipeline.experiments.values import Values
from pipeline.report.dimensions import tested_text
from pipeline.report.marks import notes_of, words
from pipeline.report.pictures.heading import write_heading
from pipeline.report.pictures.svg import BLUE, GREY, svg
from pipeline.report.pictures.transfer_matrix import draw_matrices

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL = 2.6
"""width and height of a panel (inches)"""

MOST = 1500
"""dots of a panel; of more utterances, so many that lie evenly in the order of the test"""

FOLDER = "dimensions"
"""of these pictures, below metrics/plots"""


def write_scatters(
    out: Path, results: Mapping[str, Any], values: Mapping[str, Values], synthetic: set[str], confidence: float
) -> None:
    """Write dimensions/NAME.svg of what predicts numbers; dimension_transfers.svg, where there is a matrix of corpora.

    Args:
        out: the folder.
        results: of each, see `evaluation.dimensions.value_scores`.
        values: what was scored.
        synthetic: the corpora that are synthesised, to be marked.
        confidence: coverage of the intervals.
    """
    for name, one in values.items():
        marks = ", ".join(words(mark, one.card) for mark in notes_of(one.card, synthetic))
        texts = [*_figures(results[name], confidence), _about(one, results[name]), marks]
        draw = partial(draw_scatter, name, texts, one.targets, *one.numbers(one.where("test")))
        with atomic_path(out / FOLDER / f"{name}.svg") as temporary:
            temporary.write_text(svg(draw), encoding="utf-8", newline="\n")
    if matrices := value_matrices(values, results):
        with atomic_path(out / "dimension_transfers.svg") as temporary:
            temporary.write_text(svg(partial(draw_matrices, matrices)), encoding="utf-8", newline="\n")


def _figures(row: Mapping[str, Any], confidence: float) -> list[str]:
    said = f"{confidence:.0%} interval"
    return [
        f"{target}: CCC {own['CCC']:.3f} [{said} {own['interval'][0]:.3f}, {own['interval'][1]:.3f}]"
        for target, own in row["targets"].items()
    ]


def _about(one: Values, row: Mapping[str, Any]) -> str:
    return f"{one.card['corpus']}, {tested_text(row, one.card)}, {row['utterances']} test utterances"


def draw_scatter(
    name: str,
    texts: Sequence[str],
    targets: Sequence[str],
    truth: NDArray[np.float64],
    predicted: NDArray[np.float64],
) -> "Figure":
    """The picture of numbers (n, targets) under a name and texts."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.25 * PANEL * len(targets), PANEL))
    panels = figure.subplots(1, len(targets), squeeze=False, gridspec_kw={"wspace": 0.3})[0]
    shown = np.unique(np.linspace(0, len(truth) - 1, min(len(truth), MOST)).astype(int))
    for axes, target, true, guess in zip(panels, targets, truth[shown].T, predicted[shown].T, strict=True):
        _panel(axes, target, true, guess)
    panels[0].set_ylabel("predicted")
    write_heading(panels[0], name, texts)
    return figure


def _panel(axes: "Axes", target: str, truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> None:
    low, high = float(min(truth.min(), predicted.min())), float(max(truth.max(), predicted.max()))
    margin = 0.05 * (high - low) or 1.0
    axes.axline((low, low), slope=1, color=GREY, linewidth=0.8)
    axes.plot(truth, predicted, "o", color=BLUE, markersize=3, alpha=0.5, markeredgewidth=0)
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlabel(target)
