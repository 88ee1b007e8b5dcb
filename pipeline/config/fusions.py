"""Params of decision-level fusions."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.config.scoring import Published
from pipeline.strict import Strict


class FusionParams(Strict):
    """One fusion of two or more branches."""

    of: list[str] = Field(description="the branches: two or more experiments or fusions, each once")
    method: Literal["logistic_regression", "weighted_average", "gated"] = Field(
        "logistic_regression",
        description="softmax(W [p1; ...; pN] + b); or one set of weights for all utterances; or each utterance's own",
    )
    fit_on: Literal["training", "validation", "other_folds"] = Field(
        "training",
        description="training: out-of-fold probabilities of the fold's own training part (the protocol needs "
        "inner_folds); validation: the fold's validation part, the default of the weighted average; other_folds: the "
        "other folds' test parts",
    )
    c: float = Field(
        1.0, gt=0, description="inverse regularisation strength of the logistic regression and of the gate's weights"
    )
    gate_units: int = Field(0, ge=0, description="hidden units of the gate; 0 for a logistic one")
    published: Published = Field({}, description="what the paper reports (%), for the tables")

    @model_validator(mode="before")
    @classmethod
    def _few_numbers_are_chosen_on_validation(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("method") == "weighted_average":
            return {"fit_on": "validation", **values}
        return values

    @model_validator(mode="after")
    def _no_idle_param(self) -> "FusionParams":
        for name in self._idle():
            if name in self.model_fields_set:
                raise ValueError(f"{name} is of no use to {self.method}; leave it out")
        return self

    def _idle(self) -> list[str]:
        """The params that the method does not read."""
        idle = {"c": self.method == "weighted_average", "gate_units": self.method != "gated"}
        return [name for name, ignored in idle.items() if ignored]

    def used(self) -> dict[str, Any]:
        """What the result depends on, as plain values, in the order of the fields."""
        return self.model_dump(mode="json", exclude={"published", *self._idle()})

    @field_validator("of")
    @classmethod
    def _two_or_more(cls, of: list[str]) -> list[str]:
        twice = [name for name in of if of.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} stands twice; a branch is taken once")
        if len(of) < 2:
            raise ValueError("a fusion has two branches or more")
        return of
