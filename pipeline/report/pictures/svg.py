"""A figure as SVG: the same bytes on every run, whatever matplotlibrc or fonts the user has."""

import re
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE: dict[str, Any] = {
    "svg.hashsalt": "ser",  # else ids are random
    "svg.fonttype": "none",  # text stays text: small, searchable, readable in a diff
    "font.family": "sans-serif",
    "font.sans-serif": "DejaVu Sans",  # matplotlib's own, and wide: another font of the viewer's is no wider
    "font.size": 9,
    "text.parse_math": False,  # a name may have a $
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "0.5",
    "xtick.color": "0.5",
    "ytick.color": "0.5",
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
}

METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
"""without what changes from day to day, or with matplotlib's version"""

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "0.45"
"""of Okabe and Ito (2008), told apart by colour-blind people and in grey"""

PALETTE = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9")
"""of theirs too, without black and those too pale for a thin line"""

COORDINATES = re.compile(r'(?<= )(?:d|x|y|width|height|viewBox|transform)="[^"]*"')
DECIMALS = re.compile(r"-?\d+\.\d{3,}")


def svg(draw: Callable[[], "Figure"]) -> str:
    """What `draw` draws in this style, cut to what is on it; coordinates are rounded to 1/100 pt."""
    from matplotlib import style

    with style.context(["default", STYLE], after_reset=True):
        buffer = BytesIO()
        draw().savefig(buffer, format="svg", bbox_inches="tight", pad_inches=0.12, metadata=METADATA)
    text = buffer.getvalue().decode("utf-8").replace("\r\n", "\n")
    return COORDINATES.sub(lambda match: DECIMALS.sub(_rounded, match[0]), text)


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
