"""The table of scores under other conditions, as Markdown."""

from collections.abc import Mapping
from typing import Any

from pipeline.config.experiments import CLEAN
from pipeline.report.markdown import markdown_table

TEXT = (
    "The same models, tested on recordings with noise, over the telephone or the like, which no training or selection "
    "had. Difference: UA less that of the clean recordings, both on the same resampled speakers."
)


def conditions_section(results: Mapping[str, Mapping[str, Any]], confidence: float) -> str:
    """UA under each condition, under a heading; nothing where nothing was tested under any."""
    interval = f"[{confidence:.0%} interval]"
    rows = [row for name, one in results.items() if "conditions" in one for row in _rows(name, one)]
    if not rows:
        return ""
    titles = ["experiment", "condition", f"UA {interval}", f"difference {interval}"]
    return "\n".join(["", "## Other conditions", "", TEXT, "", *markdown_table(titles, rows), ""])


def _rows(name: str, result: Mapping[str, Any]) -> list[list[str]]:
    clean = [name, CLEAN, _cell(result["scores"]["UA"], *result["interval"]["UA"]), ""]
    return [clean, *(_row(name, condition, figures) for condition, figures in result["conditions"].items())]


def _row(name: str, condition: str, figures: Mapping[str, float]) -> list[str]:
    ua = _cell(figures["UA"], figures["low"], figures["high"])
    difference = _cell(figures["difference"], figures["difference_low"], figures["difference_high"])
    return [name, condition, ua, difference]


def _cell(value: float, low: float, high: float) -> str:
    return f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
