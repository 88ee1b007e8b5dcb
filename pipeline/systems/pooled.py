"""A classical baseline: statistics of log-Mel, MFCC and prosody, and scikit-learn's logistic regression."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.base import BaseEstimator, ClassifierMixin

from pipeline.strict import Strict
from pipeline.view import View


class PooledParams(Strict):
    """Params of the pooled baseline."""

    c: float = Field(0.01, gt=0, description="inverse regularisation strength")
    balanced: bool = Field(True, description="weight classes inversely to their frequency")


class Pooled(ClassifierMixin, BaseEstimator):
    """Mean and standard deviation over time of every stream (prosody as it is), standardised, logistic regression."""

    Params = PooledParams

    def __init__(self, params: Any = None, seed: int = 0, device: str = "cpu") -> None:
        self.params = params
        self.seed = seed
        self.device = device

    def settings(self) -> Any:
        """The params, or their defaults."""
        return PooledParams() if self.params is None else self.params

    def table(self, X: View) -> NDArray[np.float64]:
        """The pooled features (N, dims)."""
        columns = []
        for role in X.roles:
            arrays = [np.asarray(rows, np.float64) for rows in X.arrays(role)]
            columns.append(np.stack([rows.mean(axis=0) for rows in arrays]))
            if role != "prosody":
                columns.append(np.stack([rows.std(axis=0) for rows in arrays]))
        return np.hstack(columns)

    def fit(
        self,
        X: View,
        y: Sequence[str],
        validation: tuple[View, Sequence[str]] | None = None,
        on_epoch: Callable[[], None] = lambda: None,
    ) -> "Pooled":
        """Fit on utterances X with labels y; a validation part is not needed and not used."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        settings = self.settings()
        weight = "balanced" if settings.balanced else None
        model = LogisticRegression(C=settings.c, class_weight=weight, max_iter=5000, random_state=self.seed)
        self.pipeline_ = make_pipeline(StandardScaler(), model).fit(self.table(X), y)
        self.classes_ = self.pipeline_.classes_
        self.history_: list[dict[str, float]] = []
        return self

    def predict_proba(self, X: View) -> NDArray[np.float64]:
        """Class probabilities (N, classes)."""
        found: NDArray[np.float64] = self.pipeline_.predict_proba(self.table(X))
        return found

    def predict(self, X: View) -> NDArray[np.str_]:
        """Class labels (N,)."""
        found: NDArray[np.str_] = self.pipeline_.predict(self.table(X))
        return found

    def parameter_count(self) -> int:
        """Number of fitted coefficients."""
        model = self.pipeline_[-1]
        return int(model.coef_.size + model.intercept_.size)

    def save(self, path: Path) -> None:
        """Write the fitted numbers to `path` as safetensors."""
        from safetensors.numpy import save

        from pipeline.atomic import atomic_path

        scaler, model = self.pipeline_
        numbers = {"mean": scaler.mean_, "scale": scaler.scale_, "weight": model.coef_, "bias": model.intercept_}
        with atomic_path(path) as temporary:
            temporary.write_bytes(save({name: np.ascontiguousarray(value) for name, value in numbers.items()}))

    def load(self, path: Path, X: View, classes: Sequence[str]) -> "Pooled":
        """Read numbers that `save` wrote; returns the fitted classifier."""
        from safetensors.numpy import load_file
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        numbers = load_file(path)
        scaler, model = StandardScaler(), LogisticRegression()
        scaler.mean_, scaler.scale_ = numbers["mean"], numbers["scale"]
        model.coef_, model.intercept_ = numbers["weight"], numbers["bias"]
        self.classes_ = model.classes_ = np.array(classes, dtype=str)
        self.pipeline_ = make_pipeline(scaler, model)
        return self
