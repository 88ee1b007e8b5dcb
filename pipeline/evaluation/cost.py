"""What a prediction costs: parameters, and floating-point operations per second of speech. Times are no such figure.

An experiment's card says what it costs, without and with the pretrained model. A fusion costs what the experiments
cost that it rests on, each once, and features of a pretrained model that several read once; its own few weights count
as nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COST_COLUMNS = (
    "experiment",
    "system",
    "parameters",
    "parameters_with_pretrained",
    "operations_per_second",
    "operations_per_second_with_pretrained",
    "training_operations_per_epoch",
    "training_operations",
)
"""columns of metrics/cost.csv"""

Cards = Mapping[str, Mapping[str, Any]]
"""experiment or fusion -> its card"""


@dataclass(frozen=True)
class Cost:
    """What one prediction takes; None where it is not known.

    Attributes:
        parameters: of one trained model.
        parameters_with_pretrained: with those of the pretrained model that is run.
        operations: floating-point operations per second of speech.
        operations_with_pretrained: with those of the pretrained model.
    """

    parameters: float | None
    parameters_with_pretrained: float | None
    operations: float | None
    operations_with_pretrained: float | None

    def figures(self) -> tuple[float | None, ...]:
        """All four, in the order of the columns."""
        return (
            self.parameters,
            self.parameters_with_pretrained,
            self.operations,
            self.operations_with_pretrained,
        )


def costs(cards: Cards) -> dict[str, Cost]:
    """The cost of each experiment and fusion."""
    return {name: _cost([cards[member].get("cost") or {} for member in experiments_of(name, cards)]) for name in cards}


def experiments_of(name: str, cards: Cards) -> list[str]:
    """The experiments that a fusion rests on, directly or not, each once; of an experiment, itself."""
    if not is_fusion(cards[name]):
        return [name]
    return list(dict.fromkeys(inner for branch in cards[name]["inputs"] for inner in experiments_of(branch, cards)))


def is_fusion(card: Mapping[str, Any]) -> bool:
    """Whether a card is a fusion's: its inputs are the names of branches, an experiment's are roles and features."""
    return isinstance(card.get("inputs"), list)


def _cost(parts: list[Mapping[str, Any]]) -> Cost:
    figures = []
    for name, identity in (("parameters", "weights"), ("operations", "digest")):
        own = _sum([part.get(name) for part in parts])
        whole = _sum([own, *(part.get(f"pretrained_{name}") for part in parts), -_shared(parts, name, identity)])
        figures += [own, whole]
    return Cost(*figures)


def _shared(parts: list[Mapping[str, Any]], name: str, identity: str) -> float:
    """What pretrained models cost beside the first time, of those that features of several experiments are made by."""
    figures: dict[str, list[float]] = {}
    for part in parts:
        own = {feature[identity]: feature[name] or 0 for feature in part.get("features", [])}
        for key, value in own.items():
            figures.setdefault(key, []).append(value)
    return sum(sum(values) - max(values) for values in figures.values())


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def cost_rows(cards: Cards, training: Mapping[str, Sequence[float | None]]) -> Iterator[list[str]]:
    """Rows of metrics/cost.csv, with the operations of an epoch and of a training; empty for what is not known."""
    for name, cost in costs(cards).items():
        figures = [*cost.figures(), *training[name]]
        yield [name, cards[name]["system"], *("" if value is None else f"{value:.0f}" for value in figures)]
