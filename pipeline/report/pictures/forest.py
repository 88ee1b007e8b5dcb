"""A forest plot: UA of every experiment and fusion with its interval, by corpus and class set, beside chance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.report.marks import short_note
from pipeline.report.pictures.svg import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.24
"""height of a line (inches)"""
WIDTH = 3.6
"""of the axis from 0 to 100 % (inches)"""
MARKER = 6
"""size of a marker (points)"""
NAMES, FIGURES, LETTERS = -2.5, 104, 104 + 100 * 1.42 / WIDTH
"""where the names end, and the figures and letters begin (% of UA)"""

LETTER = {
    "synthetic": "S",
    "random": "R",
    "dependent": "D",
    "transductive": "T",
    "other_folds": "F",
    "validation": "V",
    "listed": "L",
    "twins": "2",
    "cross_corpus": "X",
    "untested": "U",
}
"""of the marks that a score can have"""
NEW_SPEAKERS = "o"
"""shape of a score of speakers who were never heard"""
SHAPE = {"dependent": "s", "transductive": "D", "other_folds": "D"}
"""of scores of speakers who were heard before, what weighs most first"""
HOLLOW = {"synthetic", "random"}
"""marks of what is no trained model on real speech"""


@dataclass(frozen=True)
class Score:
    """A line of the plot.

    Attributes:
        name: the experiment's or fusion's.
        group: what it can be compared with, as "ravdess, 8 classes".
        chance: UA of guessing (%).
        ua: UA (%).
        interval: its ends (%).
        marks: what to beware of, see `LETTER`.
    """

    name: str
    group: str
    chance: float
    ua: float
    interval: tuple[float, float]
    marks: Sequence[str]

    @property
    def marker(self) -> dict[str, Any]:
        """Shape for who was heard before, filling for whether it is a trained model on real speech."""
        shape = next((SHAPE[mark] for mark in SHAPE if mark in self.marks), NEW_SPEAKERS)
        colour = BLUE if shape == NEW_SPEAKERS else ORANGE
        return {"marker": shape, "color": colour, "markerfacecolor": "white" if HOLLOW & {*self.marks} else colour}


def draw_forest(scores: Sequence[Score], confidence: float) -> "Figure":
    """The picture of scores, in the order of their groups; `confidence` is the intervals' coverage."""
    from matplotlib.figure import Figure

    groups = by_group(scores)
    lines = len(scores) + 1.5 * len(groups)
    figure = Figure(figsize=(WIDTH, ROW * lines))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 100), ylim=(lines - 0.5, -0.5), yticks=[])
    axes.grid(axis="x", color="0.9", linewidth=0.6)
    axes.spines["left"].set_visible(False)
    y = 0.0
    for members in groups:
        _draw_group(axes, members, y)
        y += len(members) + 1.5
    axes.set_xlabel("UA (%): mean recall of the emotions, test parts pooled over folds", loc="left")
    axes.text(0, -1.4, "UA of all experiments and fusions", va="center", fontsize=11, fontweight="bold")
    axes.text(FIGURES, -1.2, f"UA [{confidence:.0%} interval]", va="center", color=GREY)
    if any(score.marks for score in scores):
        axes.text(LETTERS, -1.2, "notes", va="center", color=GREY)
    _draw_keys(axes, scores, lines + 2)
    return figure


def by_group(scores: Iterable[Score]) -> list[list[Score]]:
    """Scores that can be compared side by side; groups and members in their first order."""
    order: dict[str, list[Score]] = {}
    for score in scores:
        order.setdefault(score.group, []).append(score)
    return [*order.values()]


def _draw_group(axes: "Axes", members: Sequence[Score], y: float) -> None:
    """A line with the group's name, and one for each member, beside the group's chance."""
    chance = members[0].chance
    axes.text(NAMES, y, members[0].group, ha="right", va="center", fontweight="bold")
    axes.text(chance, y, f"chance {chance:.1f}", ha="center", va="center", fontsize=7.5, color=GREY)
    axes.plot([chance, chance], [y + 0.45, y + len(members) + 0.45], color=GREY, linewidth=1, linestyle=(0, (3, 2)))
    for number, score in enumerate(members, 1):
        _draw_score(axes, score, y + number)


def _draw_score(axes: "Axes", score: Score, y: float) -> None:
    low, high = score.interval
    marker = score.marker
    axes.axhline(y, color="0.92", linewidth=0.6, zorder=0)
    axes.plot([low, high], [y, y], color=marker["color"], linewidth=1.3, marker="|", markersize=5)
    axes.plot([score.ua], [y], markersize=MARKER, clip_on=False, zorder=3, linestyle="", **marker)
    axes.text(NAMES, y, score.name, ha="right", va="center")
    axes.text(FIGURES, y, f"{score.ua:.1f} [{low:.1f}, {high:.1f}]", va="center")
    axes.text(LETTERS, y, " ".join(LETTER[mark] for mark in score.marks), va="center")


def _draw_keys(axes: "Axes", scores: Sequence[Score], y: float) -> None:
    """What shapes and letters mean, those that are used, below the axis: each mark is a line."""
    shapes = {score.marker["marker"] for score in scores}
    marks = [mark for mark in LETTER if any(mark in score.marks for score in scores)]
    if NEW_SPEAKERS in shapes:
        _draw_key(axes, y, NEW_SPEAKERS, "", "test speakers are new")
        y += 1
    for number, mark in enumerate(marks):
        if mark in HOLLOW:
            _draw_key(axes, y + number, NEW_SPEAKERS, LETTER[mark], f"hollow: {short_note(mark)}", filling="white")
        else:
            shape = SHAPE.get(mark, "")
            _draw_key(axes, y + number, shape if shape in shapes else "", LETTER[mark], short_note(mark))


def _draw_key(axes: "Axes", y: float, shape: str, letter: str, text: str, filling: str = "black") -> None:
    style: dict[str, Any] = {"marker": shape, "markerfacecolor": filling, "markersize": MARKER}
    axes.plot([1], [y], color="black", clip_on=False, **style)
    axes.text(5, y, letter, ha="center", va="center")
    axes.text(8, y, text, va="center")
