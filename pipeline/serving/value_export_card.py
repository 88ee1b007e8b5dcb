"""What an export of models of numbers says of itself: the schema `ser-regressor-export/1` of its `model.json`."""

import math
from typing import Final, Literal

from pydantic import Field, model_validator

from pipeline.experiments.model_folder import Name
from pipeline.serving.export_card import ExportFacts, Figure, check_interval
from pipeline.strict import Strict

FORMAT: Final = "ser-regressor-export/1"


class Error(Strict):
    """A mean squared error, on the target's own scale, squared."""

    value: float = Field(ge=0)
    low: float = Field(ge=0)
    high: float | None = Field(description="nothing where there is one speaker, of which nothing can be said")


class Target(Strict):
    """A number that is predicted, what it was in the recordings trained on, and how well it was predicted."""

    lowest: float = Field(description="of the numbers that were trained on")
    highest: float
    CCC: Figure = Field(description="concordance correlation coefficient (Lin 1989)")
    MSE: Error

    @model_validator(mode="after")
    def _belongs_together(self) -> "Target":
        if self.lowest > self.highest:
            raise ValueError("the lowest number is above the highest")
        check_interval("CCC", self.CCC)
        if self.MSE.low > self.MSE.value or self.MSE.value > (self.MSE.high or math.inf):
            raise ValueError("the interval of MSE does not hold it")
        return self


class ValueExportCard(ExportFacts):
    """The card; every key is there, and no other."""

    format: Literal["ser-regressor-export/1"]
    task: Literal["regression"]
    targets: dict[Name, Target] = Field(min_length=1, description="by name, in the order of the models' numbers")
    scores: dict[Literal["CCC"], Figure] = Field(description="the mean over targets")

    @property
    def columns(self) -> list[str]:
        """The targets."""
        return list(self.targets)

    @property
    def headline(self) -> str:
        """The mean CCC."""
        score = self.scores["CCC"]
        return f"CCC {score.value:.3f} ({score.low:.3f} to {score.high:.3f})"

    @model_validator(mode="after")
    def _belongs_together(self) -> "ValueExportCard":
        for name, score in self.scores.items():
            check_interval(name, score)
        self.check_count()
        return self
