"""The classifiers of scikit-learn that a fusion may stack on its branches, and the check of their params.

A fitted classifier is kept as arrays, and whoever reads them may have them from a stranger. So only those are here
whose probabilities are NumPy's arithmetic over arrays of known shapes (linear and quadratic discriminants, naive
Bayes, perceptrons), or which keep the rows they are fitted on and nothing else (nearest neighbours). Trees and what is
made of them, support vector machines and histogram boosting predict in compiled code that trusts its arrays, such as
the index of a tree's next node: wrong ones can crash the program or read memory that is not theirs. Gaussian
processes, calibrations, ensembles and other classifiers of classifiers hold objects, which take a pickle to be kept.
`RidgeClassifier`, `LinearSVC` and `Perceptron` give no probabilities; `LogisticRegressionCV` would choose its C by
folds that cut through speakers.
"""

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pipeline.errors import nearest

CLASSIFIERS = {
    "LogisticRegression": "sklearn.linear_model",
    "SGDClassifier": "sklearn.linear_model",
    "LinearDiscriminantAnalysis": "sklearn.discriminant_analysis",
    "QuadraticDiscriminantAnalysis": "sklearn.discriminant_analysis",
    "GaussianNB": "sklearn.naive_bayes",
    "MultinomialNB": "sklearn.naive_bayes",
    "ComplementNB": "sklearn.naive_bayes",
    "MLPClassifier": "sklearn.neural_network",
    "KNeighborsClassifier": "sklearn.neighbors",
}
"""name -> module"""

NOT_GIVEN = ("random_state", "n_jobs", "verbose", "warm_start", "metric_params")
"""params that are the seed's, or change no result, or go to compiled code as they are"""


def make_classifier(name: str, params: Mapping[str, Any], seed: int = 0) -> Any:
    """The classifier, not fitted; where it draws anything, from `seed`."""
    classifier = getattr(import_module(CLASSIFIERS[name]), name)(**params)
    return classifier.set_params(random_state=seed) if "random_state" in classifier.get_params() else classifier


def classifier_problem(name: str) -> str | None:
    """Why a name is none of `CLASSIFIERS`; None where it is one."""
    if name in CLASSIFIERS:
        return None
    return f"is no classifier that can be kept{nearest(name, CLASSIFIERS)}; known: {', '.join(CLASSIFIERS)}"


def params_problem(name: str, params: Mapping[str, Any]) -> str | None:
    """What is wrong with the params of one of `CLASSIFIERS`; None where nothing is."""
    known = [key for key in make_classifier(name, {}).get_params() if key not in NOT_GIVEN]
    for key in params:
        if key in NOT_GIVEN:
            return f"{key} cannot be given here" + ("; it is the seed" if key == "random_state" else "; leave it out")
        if key not in known:
            return f"no param of {name} is {key!r}{nearest(str(key), known)}; known: {', '.join(known)}"
    return _value_problem(name, params)


def _value_problem(name: str, params: Mapping[str, Any]) -> str | None:
    classifier = make_classifier(name, params)
    try:
        json.dumps(params, allow_nan=False)
        classifier._validate_params()  # what each `fit` begins with
    except (TypeError, ValueError) as error:
        return " ".join(str(error).split())
    if not hasattr(classifier, "predict_proba"):
        return "this loss gives no probabilities; take loss: log_loss"
    return None
