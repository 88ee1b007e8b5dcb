"""Params of scoring, and figures that papers report."""

from typing import Literal

from pydantic import Field

from pipeline.strict import Strict

Published = dict[Literal["WA", "UA", "macro_F1", "weighted_F1"], float]
"""what a paper reports, in percent"""


class ScoringParams(Strict):
    """How predictions are scored."""

    bootstrap: int = Field(1000, ge=100, description="bootstrap samples for the confidence intervals")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="coverage of the confidence intervals")
