"""The table of costs, of predictions and of trainings."""

from collections.abc import Mapping
from typing import Any

from pipeline.evaluation.cost import Cards, costs
from pipeline.evaluation.training_cost import training_costs
from pipeline.report.markdown import markdown_table

TITLES = (
    "experiment",
    "parameters",
    "with pretrained",
    "operations/s",
    "with pretrained",
    "training, an epoch",
    "whole training",
)

TEXT = (
    "Of one model; floating-point operations per second of speech. The pretrained model is that which is run. Training "
    "costs at most three times the operations of a prediction (arXiv:2001.08361), for every utterance and epoch."
)


def cost_section(cards: Cards, results: Mapping[str, Mapping[str, Any]]) -> str:
    """What is known of what predictions and trainings cost, under a heading; nothing where nothing is."""
    rows = cost_table(cards, results)
    return "\n".join(["", "## Cost", "", TEXT, "", *markdown_table(TITLES, rows), ""]) if rows else ""


def cost_table(cards: Cards, results: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """A row for each experiment and fusion of which a figure is known, as `TITLES` says."""
    training = training_costs(cards, results)
    figures = {name: (*cost.figures(), *training[name]) for name, cost in costs(cards).items()}
    known = {name: row for name, row in figures.items() if any(each is not None for each in row)}
    return [[name, *map(short_number, row)] for name, row in known.items()]


def short_number(value: float | None) -> str:
    """Three digits and a prefix, as 94.4 M; empty for what is not known."""
    if value is None:
        return ""
    for prefix in ("", " k", " M", " G"):
        if float(f"{value:.3g}") < 1000:
            return f"{value:.3g}{prefix}"
        value /= 1000
    return f"{value:.3g} T" if value < 1000 else f"{value:.0f} T"
