"""Params of decision-level fusions."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from pipeline.config.scoring import Published
from pipeline.strict import Strict


class FusionParams(Strict):
    """One fusion of several experiments or fusions."""

    of: list[str] = Field(min_length=2, description="experiments or fusions whose probabilities are fused")
    method: Literal["logistic_regression", "weighted_average", "gated"] = Field(
        "logistic_regression",
        description="softmax(W [p1; p2; ...] + b); or a weight for each branch; or weights for each utterance",
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
    def _one_number_is_chosen_on_validation(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("method") == "weighted_average":
            return {"fit_on": "validation", **values}
        return values
