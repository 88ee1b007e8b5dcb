"""Stacking: a classifier of scikit-learn on the branches' class probabilities (Wolpert 1992), kept without pickle.

Of a fitted classifier those arrays are kept that its probabilities are computed from; with its params they make it
anew, with the same probabilities to the last bit. Which classifiers, and why no others, says `config/stacking.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from pipeline.config.fusions import FusionParams
from pipeline.config.stacking import make_classifier
from pipeline.errors import UserError
from pipeline.experiments.combiner import (
    Combiner,
    Examples,
    Labels,
    Layout,
    Numbers,
    Probabilities,
    Shapes,
    checked,
    class_weights,
)


@dataclass(frozen=True)
class Stacked(Combiner):
    """A classifier's probabilities of [p1; ...; pN], (n, N C).

    Attributes:
        classifier: of scikit-learn, fitted.
        kept: its arrays by their names there, those of a list each with its number; of nearest neighbours, the rows
            (n, N C) that they are fitted to, and the codes (n,) of their classes.
        layout: what it is fitted to.
    """

    classifier: Any
    kept: Numbers
    layout: Layout

    def __call__(self, branches: Sequence[Probabilities]) -> Probabilities:
        """Probabilities (n, C); 0 for a class that was not fitted on.

        Raises:
            UserError: the classifier gives some that are no numbers, as where what it was fitted to never varies.
        """
        with np.errstate(all="ignore"):
            found = self.classifier.predict_proba(np.hstack(branches))
        if not np.isfinite(found).all():
            name = type(self.classifier).__name__
            raise UserError(f"what {name} gives is no number; change classifier_params, or take another classifier")
        return self.layout.widened(found)

    @property
    def numbers(self) -> Numbers:
        """What is kept of the classifier."""
        return self.kept

    def weights(self, branches: Sequence[Probabilities]) -> Probabilities:
        """Of a linear classifier, its coefficients as those of `Linear`; of others none."""
        if "coef_" not in self.kept:
            return super().weights(branches)
        rows = self.kept["coef_"]
        if len(self.layout.fitted) == 2:  # of two classes, the second's
            rows = np.concatenate([np.zeros_like(rows), rows])
        return class_weights(rows, self.layout)

    @classmethod
    def from_numbers(cls, numbers: Numbers, layout: Layout, params: FusionParams) -> Self:
        """See `Combiner`; raises what a trial raises, too, for arrays may be of right shapes and yet not fit."""
        known = checked(numbers, _shapes(params, layout))
        classifier = make_classifier(params.classifier, params.classifier_params)
        if params.classifier in REMEMBERING:
            _remember(classifier, known, layout)
        else:
            _restore(classifier, known, layout)
        with np.errstate(all="ignore"):
            classifier.predict_proba(np.full((1, layout.dims), 1 / layout.classes))
        return cls(classifier, known, layout)


def stacked(params: FusionParams, examples: Examples, seed: int) -> Stacked:
    """Fit the classifier that `params` name.

    Raises:
        UserError: it refuses its params or the examples.
    """
    layout = Layout.of(examples)
    try:
        kept = _fitted(params, layout, np.hstack(examples.branches), layout.codes(examples.y), seed)
        # As it will be when read: the order of an array in memory decides how a product is rounded.
        return Stacked.from_numbers({name: np.ascontiguousarray(each) for name, each in kept.items()}, layout, params)
    except LookupError as error:  # a discriminant, of which no direction is left
        problem = "nothing is left to fit in branches that vary too little, or for its tol"
        cure = "change classifier_params, or take another classifier"
        raise UserError(f"{params.classifier} cannot be fitted: {problem}; {cure}") from error
    except (ValueError, TypeError, NotImplementedError) as error:  # the last of params right, but not together
        problem = " ".join(str(error).split()).rstrip(".")
        raise UserError(f"{params.classifier} cannot be fitted: {problem}; change classifier_params") from error


def _fitted(params: FusionParams, layout: Layout, rows: Probabilities, codes: Labels, seed: int) -> Numbers:
    if params.classifier in REMEMBERING:
        return {"rows": rows, "codes": codes}
    classifier = make_classifier(params.classifier, params.classifier_params, seed).fit(rows, codes)
    return {name: _array(classifier, name) for name in _shapes(params, layout)}


REMEMBERING = ("KNeighborsClassifier",)
"""those that keep what they are fitted to, and are made anew by fitting them to it"""


def _shapes(params: FusionParams, layout: Layout) -> Shapes:
    """The arrays that the probabilities of a classifier are computed from."""
    dims, classes = layout.dims, len(layout.fitted)
    outputs = classes if classes > 2 else 1
    match params.classifier:
        case "GaussianNB":
            return {"theta_": (classes, dims), "var_": (classes, dims), "class_prior_": (classes,)}
        case "MultinomialNB" | "ComplementNB":
            return {"feature_log_prob_": (classes, dims), "class_log_prior_": (classes,)}
        case "QuadraticDiscriminantAnalysis":
            parts = [(f"rotations_.{i}", f"scalings_.{i}") for i in range(classes)]
            each = {name: shape for pair in parts for name, shape in zip(pair, ((dims, None), (None,)), strict=True)}
            return {"means_": (classes, dims), "priors_": (classes,), **each}
        case "MLPClassifier":
            return _layers([dims, *np.atleast_1d(params.classifier_params.get("hidden_layer_sizes", 100)), outputs])
        case name if name in REMEMBERING:
            return {"rows": (None, dims), "codes": (None,)}
        case _:
            return {"coef_": (outputs, dims), "intercept_": (outputs,)}


def _layers(widths: Sequence[int]) -> Shapes:
    weights = {f"coefs_.{i}": (int(widths[i]), int(widths[i + 1])) for i in range(len(widths) - 1)}
    biases = {f"intercepts_.{i}": (int(width),) for i, width in enumerate(widths[1:])}
    return {**weights, **biases}


def _array(classifier: Any, name: str) -> Any:
    attribute, _, number = name.partition(".")
    value = getattr(classifier, attribute)
    return value[int(number)] if number else value


def _restore(classifier: Any, arrays: Numbers, layout: Layout) -> None:
    """Give a classifier its arrays, and what they say of themselves."""
    for name, array in arrays.items():
        attribute, _, number = name.partition(".")
        setattr(classifier, attribute, [*getattr(classifier, attribute, []), array] if number else array)
    classifier.classes_, classifier.n_features_in_ = np.arange(len(layout.fitted)), layout.dims
    if hasattr(classifier, "coefs_"):  # of a perceptron
        classifier.n_layers_ = len(classifier.coefs_) + 1
        classifier.n_outputs_ = classifier.coefs_[-1].shape[1]
        classifier.out_activation_ = "softmax" if classifier.n_outputs_ > 1 else "logistic"


def _remember(classifier: Any, kept: Numbers, layout: Layout) -> None:
    codes = kept["codes"]
    if codes.dtype != np.int64 or [*np.unique(codes)] != [*range(len(layout.fitted))]:
        raise ValueError(f"codes are not those of {len(layout.fitted)} classes")
    classifier.fit(kept["rows"], codes)
