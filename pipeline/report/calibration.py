"""The table of calibration, as Markdown."""

from collections.abc import Mapping
from typing import Any

from pipeline.report.markdown import markdown_table

TITLES = ("experiment", "ECE", "log-loss", "mean confidence", "WA")

TEXT = (
    "ECE: the expected calibration error (Guo et al. 2017) over 15 bins of equal width of the highest probability, 0 "
    "to 1. Log-loss in nats. A mean confidence above WA is overconfident. `calibration/` has the bins."
)


def calibration_section(results: Mapping[str, Mapping[str, Any]]) -> str:
    """What each experiment's and fusion's probabilities are worth, under a heading; nothing where there is none."""
    if not results:
        return ""
    rows = [_cells(name, row["calibration"], row["scores"]["WA"]) for name, row in results.items()]
    return "\n".join(["", "## Calibration", "", TEXT, "", *markdown_table(TITLES, rows), ""])


def _cells(name: str, found: Mapping[str, Any], accuracy: float) -> list[str]:
    sureness = f"{100 * found['mean_confidence']:.1f}"
    return [name, f"{found['ECE']:.3f}", f"{found['log_loss']:.3f}", sureness, f"{100 * accuracy:.1f}"]
