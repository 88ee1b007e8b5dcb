"""A baseline: support vector machines on the vectors of the pooled baseline."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.systems.classical import Classical, FloatArray, Numbers, softmax
from pipeline.systems.inner_folds import inner_folds
from pipeline.systems.normalisation import SystemParams
from pipeline.systems.view import View

FOLDS = 5
"""of the training part, for calibration"""


class SVMParams(SystemParams):
    """Params of the SVM; scikit-learn's own defaults."""

    kernel: Literal["rbf", "linear"] = "rbf"
    c: float = Field(1.0, gt=0, description="inverse regularisation strength")
    balanced: bool = Field(True, description="weight classes inversely to their frequency")


class SVM(Classical):
    """One machine for each class against the others; the softmax of their scores, times a factor, is the probability.

    The radial kernel's gamma is 1 over the number of dimensions, as scikit-learn's `scale` for standardised vectors
    none of whose dimensions is constant; the linear kernel is divided by that number. The factor (Guo et al. 2017,
    temperature scaling) has the highest likelihood on scores out of fold: of 5 folds inside the training part, by
    speaker where speakers are known.
    """

    name = "svm"
    roles = ()
    optional = ("logmel", "mfcc", "opensmile", "prosody", "ssl")
    Params = SVMParams

    def learn(self, X: View, codes: NDArray[np.int64]) -> None:
        """Support vectors (S, dims), coefficients (classes, S), biases (classes,), and the factor."""
        z = self.keep_scale(self.table(X))
        numbers = self._machines(z, codes)
        scores, held_out = self._out_of_fold(z, codes, X)
        self.keep({**numbers, "factor": np.array([best_factor(scores, held_out)])})

    def shapes(self, dims: int, classes: int) -> dict[str, tuple[int | None, ...]]:
        """Of support vectors, as many as there are, coefficients, biases and the factor."""
        return {"vectors": (None, dims), "coefficients": (classes, None), "bias": (classes,), "factor": (1,)}

    def probabilities(self, z: FloatArray) -> FloatArray:
        """Softmax of the scaled scores."""
        return softmax(self.numbers_["factor"] * self.scores(z, self.numbers_))

    def scores(self, z: FloatArray, numbers: Numbers) -> FloatArray:
        """Decision values (N, classes)."""
        return np.asarray(self._kernel(z, numbers["vectors"]) @ numbers["coefficients"].T + numbers["bias"])

    def _kernel(self, left: FloatArray, right: FloatArray) -> FloatArray:
        from sklearn.metrics.pairwise import linear_kernel, rbf_kernel

        if self.settings().kernel == "linear":
            return np.asarray(linear_kernel(left, right) / left.shape[1])
        return np.asarray(rbf_kernel(left, right, gamma=1 / left.shape[1]))

    def _machines(self, z: FloatArray, codes: NDArray[np.int64]) -> Numbers:
        from sklearn.svm import SVC

        settings = self.settings()
        kernel = self._kernel(z, z)
        coefficients, bias = np.zeros((codes.max() + 1, len(z))), np.zeros(codes.max() + 1)
        for number in range(len(bias)):
            model = SVC(C=settings.c, kernel="precomputed", class_weight="balanced" if settings.balanced else None)
            model.fit(kernel, codes == number)
            coefficients[number, model.support_] = model.dual_coef_[0]
            bias[number] = model.intercept_[0]
        used = coefficients.any(axis=0)
        return {"vectors": z[used], "coefficients": coefficients[:, used], "bias": bias}

    def _out_of_fold(self, z: FloatArray, codes: NDArray[np.int64], X: View) -> tuple[FloatArray, NDArray[np.int64]]:
        """Scores of utterances by machines that were not fitted on them, and those utterances' classes."""
        scores, held_out = [np.zeros((0, codes.max() + 1))], [codes[:0]]
        for fitted, left_out in inner_folds(codes, X, FOLDS, self.seed):
            if len(np.unique(codes[fitted])) == codes.max() + 1:
                scores.append(self.scores(z[left_out], self._machines(z[fitted], codes[fitted])))
                held_out.append(codes[left_out])
        return np.concatenate(scores), np.concatenate(held_out)


def best_factor(scores: FloatArray, codes: NDArray[np.int64]) -> float:
    """The factor, 0.1 to 100, by which the softmax of scores (N, classes) gives the codes (N,) the highest likelihood.

    Of no scores, 1.
    """
    from scipy.optimize import minimize_scalar

    if not len(codes):
        return 1.0

    def loss(logarithm: float) -> float:
        found = softmax(np.exp(logarithm) * scores)[np.arange(len(codes)), codes]
        return float(-np.log(np.maximum(found, 1e-300)).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.1), np.log(100)), method="bounded")
    return float(np.exp(found.x))
