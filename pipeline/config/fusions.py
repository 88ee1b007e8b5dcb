"""Params of decision-level fusions."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.config.scoring import Published
from pipeline.errors import ParamsError
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
        idle = {"c": self.method == "weighted_average", "gate_units": self.method != "gated"}
        for name, ignored in idle.items():
            if ignored and name in self.model_fields_set:
                raise ValueError(f"{name} is of no use to {self.method}; leave it out")
        return self

    @field_validator("of")
    @classmethod
    def _two_or_more(cls, of: list[str]) -> list[str]:
        twice = [name for name in of if of.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} stands twice; a branch is taken once")
        if len(of) < 2:
            raise ValueError("a fusion has two branches or more")
        return of


def experiments_below(name: str, fusions: Mapping[str, FusionParams], above: tuple[str, ...] = ()) -> list[str]:
    """The experiments that a fusion rests on, each once, in the order of its branches; an experiment's is itself.

    Raises:
        ParamsError: the fusion rests on itself.
    """
    if name not in fusions:
        return [name]
    if name in above:
        circle = " of ".join([*above[above.index(name) :], name])
        raise ParamsError(f"fusions.{name}.of: a fusion cannot rest on itself: {circle}")
    below = [experiments_below(branch, fusions, (*above, name)) for branch in fusions[name].of]
    return list(dict.fromkeys(experiment for branch in below for experiment in branch))
