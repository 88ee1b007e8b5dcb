"""The table of costs, as Markdown."""

from collections.abc import Mapping

from pipeline.evaluation.cost import Cost
from pipeline.report.markdown import markdown_table

TITLES = ("experiment", "parameters", "with pretrained", "operations/s", "with pretrained")


def cost_section(costs: Mapping[str, Cost]) -> str:
    """The costs that are known, under a heading; nothing where none is."""
    known = {name: cost for name, cost in costs.items() if any(value is not None for value in cost.figures())}
    if not known:
        return ""
    rows = [[name, *map(short_number, cost.figures())] for name, cost in known.items()]
    text = "Of one model; floating-point operations per second of speech. The pretrained model is that which is run."
    return "\n".join(["", "## Cost", "", text, "", *markdown_table(TITLES, rows), ""])


def short_number(value: float | None) -> str:
    """Three digits and a prefix, as 94.4 M; empty for what is not known."""
    if value is None:
        return ""
    for prefix in ("", " k", " M", " G"):
        if float(f"{value:.3g}") < 1000:
            return f"{value:.3g}{prefix}"
        value /= 1000
    return f"{value:.3g} T" if value < 1000 else f"{value:.0f} T"
