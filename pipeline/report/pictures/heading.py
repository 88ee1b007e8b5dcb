"""The lines above a picture of one experiment."""

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE = 12.5
"""points from one line to the next"""


def write_heading(axes: "Axes", name: str, texts: Sequence[str], columns: int = 66, above: float = 8) -> None:
    """Write a name, bold, and texts, each broken at so many columns, so many points above the axes' left corner."""
    lines = [line for text in texts for line in wrap(text, columns)]
    for number, line in enumerate([*reversed(lines), name]):
        is_name = number == len(lines)
        axes.annotate(
            line,
            (0, 1),
            (0, above + LINE * number),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=11 if is_name else 8.5,
            fontweight="bold" if is_name else "normal",
        )
