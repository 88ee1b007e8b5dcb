"""A strong classical baseline: functionals of log-Mel and MFCC over speech, prosody, states; logistic regression."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.systems.classical import Classical, FloatArray, Numbers, softmax
from pipeline.systems.logistic_sweep import is_large, logistic_sweep
from pipeline.systems.normalisation import SystemParams
from pipeline.systems.soft_labels import duplicated, of_labels
from pipeline.systems.view import View


class PooledParams(SystemParams):
    """Params of the pooled baseline."""

    c: float = Field(0.01, gt=0, description="inverse regularisation strength")
    balanced: bool = Field(True, description="weight classes inversely to their frequency")


class Pooled(Classical):
    """scikit-learn's multinomial logistic regression of the vectors that `pipeline.systems.functionals` makes.

    Its probabilities are as good as its likelihood is high, which is what it maximises: no calibration is added.

    Example:
        >>> from sklearn.model_selection import GridSearchCV, GroupKFold
        >>> from pipeline import load_corpus
        >>> X, y, speakers = load_corpus("demo_en", features=["mfcc_39", "prosody"])
        >>> search = GridSearchCV(Pooled(seed=0), {"c": [0.01, 0.1]}, cv=GroupKFold(4)).fit(X, y, groups=speakers)
        >>> search.predict_proba(X).shape, search.classes_.tolist()
        ((16, 4), ['angry', 'happy', 'neutral', 'sad'])
        >>> Pooled(c=-1.0).fit(X, y)
        Traceback (most recent call last):
        pipeline.errors.ParamsError: Pooled.c: input should be greater than 0; it is -1.0
    """

    name = "pooled"
    roles = ()
    optional = ("logmel", "mfcc", "opensmile", "prosody", "ssl")
    Params = PooledParams
    takes_votes = True

    def learn(self, X: View, codes: NDArray[np.int64]) -> None:
        """Weights (classes, dims) and biases (classes,)."""
        z, settings = self.keep_scale(self.table(X)), self.settings()
        if is_large(z):
            truth, every = of_labels(codes, len(self.classes_)), [np.arange(len(z))]
            (whole,) = logistic_sweep(z, truth, every, [settings.c], settings.balanced)
            ((weight, bias),) = whole.fits
            self.keep({"weight": weight, "bias": bias})
        else:
            self.keep(self._fitted(z, codes, "balanced" if settings.balanced else None, None))

    def learn_shares(self, X: View, shares: FloatArray) -> None:
        """Weights (classes, dims) and biases (classes,)."""
        rows, codes, weights = duplicated(shares, self.settings().balanced)
        self.keep(self._fitted(self.keep_scale(self.table(X))[rows], codes, None, weights))

    def _fitted(
        self, z: FloatArray, codes: NDArray[np.int64], weight: str | None, utterances: FloatArray | None
    ) -> Numbers:
        """Weights and biases, with a weight of classes, or of utterances."""
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=self.settings().c, class_weight=weight, max_iter=5000, random_state=self.seed)
        model.fit(z, codes, sample_weight=utterances)
        coefficients, bias = model.coef_, model.intercept_
        if len(coefficients) == 1:  # of two classes, the second's log odds
            coefficients, bias = (np.concatenate([np.zeros_like(part), part]) for part in (coefficients, bias))
        return {"weight": coefficients, "bias": bias}

    def shapes(self, dims: int, classes: int) -> dict[str, tuple[int | None, ...]]:
        """Of weights and biases."""
        return {"weight": (classes, dims), "bias": (classes,)}

    def probabilities(self, z: FloatArray) -> FloatArray:
        """Softmax of the linear scores."""
        return softmax(z @ self.numbers_["weight"].T + self.numbers_["bias"])
