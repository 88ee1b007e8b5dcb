"""Params of scoring, and figures that papers report."""

from typing import Literal

from pydantic import Field

from pipeline.strict import Strict

Figure = Literal["WA", "UA", "macro_precision", "macro_F1", "weighted_F1", "validation_WA", "validation_UA"]
"""what papers report: of the test parts, and of the validation parts that they chose by"""

Published = dict[Figure, float]
"""what a paper reports, in percent"""


class ScoringParams(Strict):
    """How predictions are scored."""

    bootstrap: int = Field(1000, ge=100, description="bootstrap samples for the confidence intervals")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="coverage of the confidence intervals")
