"""The regressor of the pooled baseline: ridge regression of its functionals."""

from pydantic import Field

from pipeline.systems.normalisation import SystemParams
from pipeline.systems.regression.ridge import RidgeRegressor


class PooledRegressorParams(SystemParams):
    """Params of the pooled baseline's regressor."""

    alpha: float = Field(100.0, gt=0, description="strength of the penalty, of squared weights per squared residual")


class PooledRegressor(RidgeRegressor):
    """scikit-learn's ridge regression of the vectors that `pipeline.systems.functionals` makes."""

    name = "pooled"
    roles = ()
    optional = ("logmel", "mfcc", "opensmile", "prosody", "ssl")
    Params = PooledRegressorParams
