"""What trained models of numbers say of themselves: the schema `ser-regressor/1` of their `card.json`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.experiments.model_card import Count, TrainedCard
from pipeline.experiments.model_folder import Name
from pipeline.systems.regression import takes_targets, target_systems


def _check_once(targets: list[str]) -> list[str]:
    if len(set(targets)) < len(targets):
        raise ValueError("a target stands twice")
    return targets


Targets = Annotated[list[Name], AfterValidator(_check_once)]
"""names of numbers, as valence and arousal, each once"""


class RegressorCard(TrainedCard):
    """The card; every key is there but for those with a default; no other is."""

    format: Literal["ser-regressor/1"]
    task: Literal["regression"]
    emotions: None
    targets: Targets = Field(min_length=1)
    without_targets: Count = Field(description="recordings that were left out, as they lack a number")

    @model_validator(mode="after")
    def _belongs_together(self) -> "RegressorCard":
        if not self.weights:
            raise ValueError("there are no models")
        self.check_training()
        if not takes_targets(self.system):
            raise ValueError(target_systems(self.system))
        return self
