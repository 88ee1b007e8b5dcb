"""Decision-level fusion of two branches' class probabilities (Wei et al. 2025, eqs. 8-10, and their table 5)."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.config.fusions import FusionParams
from pipeline.errors import UserError
from pipeline.experiments.gate import fit_gate
from pipeline.experiments.predictions import Predictions

Probabilities = NDArray[np.float64]
Labels = NDArray[np.int64]
Fused = Callable[[Probabilities, Probabilities], Probabilities]


def logistic_regression(first: Probabilities, second: Probabilities, y: Labels, c: float) -> Fused:
    """Fit softmax(W [p1; p2] + b), W of shape (C, 2C), on probabilities (N, C) of both branches and labels (N,)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, max_iter=1000).fit(np.hstack([first, second]), y)
    classes = first.shape[1]

    def fused(first: Probabilities, second: Probabilities) -> Probabilities:
        out = np.zeros((len(first), classes))
        out[:, model.classes_] = model.predict_proba(np.hstack([first, second]))
        return out

    return fused


def weighted_average(first: Probabilities, second: Probabilities, y: Labels) -> Fused:
    """Fit w p1 + (1 - w) p2: the w of 0, 0.05, ..., 1 with the best accuracy (nearest 0.5 among equals)."""
    weights = np.linspace(0, 1, 21)
    accuracy = [np.mean((w * first + (1 - w) * second).argmax(axis=1) == y) for w in weights]
    weight = max(zip(accuracy, -np.abs(weights - 0.5), weights, strict=True))[2]
    return lambda first, second: weight * first + (1 - weight) * second


def gated(first: Probabilities, second: Probabilities, y: Labels, c: float, units: int = 0, seed: int = 0) -> Fused:
    """Fit w p1 + (1 - w) p2, in which a gate (see `gate.py`) chooses w for each utterance from [p1; p2], (N, 2 C).

    Args:
        first: probabilities (N, C) of one branch.
        second: probabilities (N, C) of the other.
        y: labels (N,).
        c: inverse regularisation strength.
        units: hidden units of the gate; 0 for a logistic one.
        seed: of the hidden units' start.
    """
    rows, chance = np.arange(len(y)), 1 / first.shape[1]

    def inputs(first: Probabilities, second: Probabilities) -> Probabilities:
        return np.hstack([first, second]) - chance

    gate = fit_gate(inputs(first, second), first[rows, y], second[rows, y], c, units, seed)

    def fused(first: Probabilities, second: Probabilities) -> Probabilities:
        weight = gate.weigh(inputs(first, second))[0][:, None]
        return np.asarray(weight * first + (1 - weight) * second)

    return fused


def fit(params: FusionParams, first: Probabilities, second: Probabilities, y: Labels, seed: int = 0) -> Fused:
    """Fit the fusion that `params.method` names."""
    if params.method == "logistic_regression":
        return logistic_regression(first, second, y, params.c)
    if params.method == "gated":
        return gated(first, second, y, params.c, params.gate_units, seed)
    return weighted_average(first, second, y)


def fuse(name: str, params: FusionParams, first: Predictions, second: Predictions) -> Predictions:
    """Fit the fusion fold by fold on what `params.fit_on` names, and fuse the test part.

    Raises:
        UserError: the branches were not tested on the same utterances in the same folds, or have no probabilities of
            the part to fit on.
    """
    same = first.classes == second.classes and [sorted(fold["test"]) for fold in first.folds] == [
        sorted(fold["test"]) for fold in second.folds
    ]
    if not same:
        raise UserError(f"{name}: its branches {params.first} and {params.second} differ in emotions or folds")
    found = Predictions(first.classes, folds=[_parts(*pair) for pair in zip(first.folds, second.folds, strict=True)])
    for number in range(len(first.folds)):
        fused = fitted(name, params, first, second, number)
        tested = first.where("test", number)
        rows = fused(first.probabilities(tested), second.probabilities(_align(first, second, tested)))
        found.add(number, "test", [first.keys[i] for i in tested], [first.emotions[i] for i in tested], rows)
    found.card = {
        **{key: first.card[key] for key in ("corpus", "protocol", "speaker_dependent", "seed")},
        "name": name,
        "system": f"fusion ({params.method})",
        "random_backbone": first.card["random_backbone"] or second.card["random_backbone"],
        "transductive": any(branch.card.get("transductive", False) for branch in (first, second)),
        "params": params.model_dump(mode="json", exclude={"published"}),
        "inputs": {"first": params.first, "second": params.second},
    }
    return found


def fitted(name: str, params: FusionParams, first: Predictions, second: Predictions, number: int) -> Fused:
    """Fit the fusion of one fold on what `params.fit_on` names.

    Raises:
        UserError: the branches have no probabilities of that part.
    """
    rows = _fit_rows(params, first, number)
    if not len(rows):
        need = "a protocol with inner_folds" if params.fit_on == "training" else "a protocol with more folds"
        raise UserError(f"{name}: no {params.fit_on} probabilities to fit on; take {need}, or fit_on: validation")
    pair = first.probabilities(rows), second.probabilities(_align(first, second, rows))
    return fit(params, *pair, first.labels(rows), first.card["seed"])


def _fit_rows(params: FusionParams, first: Predictions, number: int) -> NDArray[np.int64]:
    if params.fit_on == "other_folds":
        tested = first.where("test")
        return tested[np.array(first.fold)[tested] != number]
    return first.where(params.fit_on, number)


def _align(first: Predictions, second: Predictions, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of `second` for the same fold, part and utterance as these rows of `first`."""
    places = {place: i for i, place in enumerate(zip(second.fold, second.part, second.keys, strict=True))}
    wanted = [(first.fold[i], first.part[i], first.keys[i]) for i in rows]
    for fold, part, key in (place for place in wanted if place not in places):
        raise UserError(f"{second.card.get('name')}: has no {part} probabilities of {key!r} in fold {fold}")
    return np.array([places[place] for place in wanted], np.int64)


def _parts(first: dict[str, list[str]], second: dict[str, list[str]]) -> dict[str, list[str]]:
    return {part: sorted({*first[part], *second[part]}) for part in ("train", "validation", "test")}
