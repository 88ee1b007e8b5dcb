"""What models can be asked for: emotions with their probabilities, or numbers as valence and arousal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ParamsError
from pipeline.serving.answers import Answer, Task, emotion_of
from pipeline.serving.models import SLACK
from pipeline.serving.value_model import AnyModel, ValueModel

Row = NDArray[np.float64]


class EmotionTask(Task[Answer]):
    """The likeliest class, with the probabilities of all and how much they are spread.

    Args:
        classes: in the order of probabilities.
        least: a probability below which no emotion is named.
    """

    what = "classes"
    at_left = ("emotion",)

    def __init__(self, classes: Sequence[str], least: float = 0.0) -> None:
        self.names, self._least = classes, least
        self.columns = ["emotion", *(f"p_{name}" for name in classes), "entropy"]
        self.titles = ["emotion", *classes, "entropy"]

    def answer(
        self, key: str, numbers: Row, span: tuple[float, float] | None = None, voiced: float | None = None
    ) -> Answer:
        """What probabilities (classes,) say; see `Task`."""
        return Answer(key, emotion_of(numbers, self.names, self._least), numbers, span, voiced)

    def numbers(self, answer: Answer) -> Row:
        """The probabilities."""
        return answer.probabilities

    def cells(self, answer: Answer) -> Sequence[str]:
        """The emotion, then numbers of six digits."""
        numbers = (*answer.probabilities, answer.entropy)
        return [answer.emotion, *("" if answer.is_silent else f"{number:.6g}" for number in numbers)]

    def shown(self, answer: Answer) -> Sequence[str]:
        """The emotion, probabilities in percent, and the entropy."""
        shares = ("-" if answer.is_silent else f"{p:.0%}" for p in answer.probabilities)
        return [answer.emotion or "-", *shares, "-" if answer.is_silent else f"{answer.entropy:.2f}"]

    def mapping(self, answer: Answer) -> dict[str, Any]:
        """The emotion, the entropy, and the probabilities by name."""
        return {
            "emotion": answer.emotion or None,
            "entropy": None if answer.is_silent else float(f"{answer.entropy:.6g}"),
            "probabilities": None if answer.is_silent else _named(self.names, answer.probabilities),
        }

    def tiers(self, answers: Sequence[Answer]) -> dict[str, list[str]]:
        """One of emotions, and one of the highest probability."""
        shares = ["" if answer.is_silent else f"{answer.probabilities.max():.3f}" for answer in answers]
        return {"emotion": [answer.emotion for answer in answers], "probability": shares}

    def are_numbers(self, rows: Row) -> bool:
        """Whether they are probabilities that sum to 1."""
        sums = np.abs(rows.sum(axis=1) - 1) <= SLACK
        return bool(np.isfinite(rows).all() and (rows >= -SLACK).all() and sums.all())


@dataclass(frozen=True, eq=False)
class ValueAnswer:
    """Numbers of a recording, or of a window of it.

    Attributes:
        key: the recording's.
        values: of all targets, (targets,), on the scale that they were trained on; NaN where nobody speaks.
        span: where the window begins and ends (s); None for the whole recording.
        voiced: share of the window that has voice; None where that is not told.
    """

    key: str
    values: Row
    span: tuple[float, float] | None = None
    voiced: float | None = None

    @property
    def is_silent(self) -> bool:
        """Whether nobody speaks, so that nothing was computed."""
        return bool(np.isnan(self.values).any())


class ValueTask(Task[ValueAnswer]):
    """A number for each target.

    Args:
        targets: in the order of the models' numbers.
    """

    what = "targets"

    def __init__(self, targets: Sequence[str]) -> None:
        self.names = self.columns = self.titles = targets

    def answer(
        self, key: str, numbers: Row, span: tuple[float, float] | None = None, voiced: float | None = None
    ) -> ValueAnswer:
        """What numbers (targets,) say: themselves; see `Task`."""
        return ValueAnswer(key, numbers, span, voiced)

    def numbers(self, answer: ValueAnswer) -> Row:
        """The values."""
        return answer.values

    def cells(self, answer: ValueAnswer) -> Sequence[str]:
        """Numbers of six digits."""
        return ["" if answer.is_silent else f"{value:.6g}" for value in answer.values]

    def shown(self, answer: ValueAnswer) -> Sequence[str]:
        """Numbers with two decimals."""
        return ["-" if answer.is_silent else f"{value:.2f}" for value in answer.values]

    def mapping(self, answer: ValueAnswer) -> dict[str, Any]:
        """The values by name."""
        return {"values": None if answer.is_silent else _named(self.names, answer.values)}

    def tiers(self, answers: Sequence[ValueAnswer]) -> dict[str, list[str]]:
        """One for each target."""
        rows = [["" if answer.is_silent else f"{value:.3f}" for value in answer.values] for answer in answers]
        return {name: list(labels) for name, labels in zip(self.names, zip(*rows, strict=True), strict=True)}

    def are_numbers(self, rows: Row) -> bool:
        """Whether they are finite."""
        return bool(np.isfinite(rows).all())


def task_of(source: AnyModel, least: float = 0.0) -> Task[Any]:
    """What models can be asked for.

    Args:
        source: the models.
        least: a probability below which no emotion is named.

    Raises:
        ParamsError: such a probability is given, and the models give numbers.
    """
    if not isinstance(source, ValueModel):
        return EmotionTask(source.columns, least)
    if least:
        raise ParamsError(f"--abstain-below {least:g}: {source.card.name} gives no probabilities; leave it out")
    return ValueTask(source.columns)


def _named(names: Sequence[str], numbers: Row) -> dict[str, float]:
    return {name: float(f"{number:.6g}") for name, number in zip(names, numbers, strict=True)}
