"""`ser bench train --only probe`: the probe of a large table, beside scikit-learn's fits, one after the other."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.bench.timing import Figure, seconds
from pipeline.systems.classical import FloatArray, softmax
from pipeline.systems.logistic import standard

Codes = NDArray[np.int64]

SIZE = (10_000, 7168)
QUICK = (400, 60)
CLASSES = 4
SPEAKERS = 10
DEPTH = 1024
"""latent dimensions, whose variances fall as those of hidden states do: as 1 / number"""


def utterances(rows: int, dims: int) -> tuple[NDArray[np.float32], Codes, Codes]:
    """Vectors (rows, dims), class and speaker (rows,); classes and speakers lie apart, and a little noise is added."""
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((rows, DEPTH), np.float32)
    codes, speakers = (rng.integers(0, count, rows) for count in (CLASSES, SPEAKERS))
    apart = 0.3 * (rng.random(DEPTH) < 0.1)
    latent += (apart * rng.standard_normal((CLASSES, DEPTH)))[codes]
    latent += (0.7 * rng.standard_normal((SPEAKERS, DEPTH)))[speakers]
    latent /= np.sqrt(np.arange(1, DEPTH + 1))
    table = latent @ rng.standard_normal((DEPTH, dims), np.float32)
    return table + 0.3 * table.std() * rng.standard_normal((rows, dims), np.float32), codes, speakers


def probe(folder: Path, quick: bool) -> list[Figure]:
    """A probe's choice of C in its inner folds, and its fit; scikit-learn's of one of the folds, and the gradients."""
    from pipeline.jobs.executors import single_thread
    from pipeline.storage.source import Arrays
    from pipeline.systems.probe import Probe
    from pipeline.systems.view import View

    rows, dims = QUICK if quick else SIZE
    table, codes, speakers = utterances(rows, dims)
    keys = [f"u{i:05d}" for i in range(rows)]
    source = Arrays({"values": table[:, None]}, keys=keys, extractor="opensmile")
    groups = {"speaker": {key: f"s{own}" for key, own in zip(keys, speakers, strict=True)}}
    X, model = View(keys, {"opensmile": [source]}, groups), Probe()
    with single_thread():
        own = seconds(lambda: model.fit(X, codes))
        part = np.flatnonzero(speakers % 5 != 0)  # as many as an inner fold has
        mean, scale = standard(table[part])
        theirs, slopes = _one_by_one((table[part] - mean) / scale, codes[part], model.settings().c)
    z = (table - model.numbers_["mean"]) / model.numbers_["scale"]
    slope = _slope(z, codes, model.numbers_["weight"], model.numbers_["bias"], model.choices()["C"])
    folds, count = model.settings().folds, len(model.settings().c)
    note = f"{rows} x {dims}, {CLASSES} classes, {SPEAKERS} speakers, one thread, {folds} folds x {count} C"
    return [
        Figure("probe", "choice and fit", own, "s", below=60, note=note),
        Figure("probe", "scikit-learn, a fold's C", theirs, "s", note="lbfgs at its tolerance, each from scratch"),
        Figure("probe", "scikit-learn, of the choice", folds * theirs / own, "times", at_least=5),
        Figure("probe", "largest gradient, of the fit", slope, "", below=1e-7, note="in double precision"),
        Figure("probe", "largest gradient, scikit-learn's", max(slopes), ""),
    ]


def _one_by_one(z: FloatArray, codes: Codes, strengths: Iterable[float]) -> tuple[float, list[float]]:
    """How long scikit-learn takes for all strengths (s), and where it leaves the gradients."""
    from sklearn.linear_model import LogisticRegression

    whole, slopes = 0.0, []
    for strength in strengths:
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=10_000)
        whole += seconds(partial(model.fit, z, codes))
        slopes.append(_slope(z, codes, model.coef_, model.intercept_, strength))
    return whole, slopes


def _slope(z: FloatArray, codes: Codes, weight: FloatArray, bias: FloatArray, strength: float) -> float:
    """The largest number of the gradient of the mean loss with its penalty, classes weighted alike."""
    error = softmax(z @ weight.T + bias)
    error[np.arange(len(z)), codes] -= 1
    error *= (1 / (CLASSES * np.bincount(codes)))[codes][:, None]
    slope = error.T @ z + weight / (strength * len(z))
    return float(max(np.abs(slope).max(), np.abs(error.sum(axis=0)).max()))
