"""Trained models on the test parts of their own corpus under other conditions: with noise, over the telephone, as MP3.

Each fold's model is asked about that fold's test part, as in the cross-validation. Nothing is trained or chosen here.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.corpora.manifest import Row
from pipeline.errors import UserError
from pipeline.experiments.experiment import groups_of
from pipeline.experiments.predictions import Predictions
from pipeline.jobs.executors import single_thread
from pipeline.jobs.progress import Progress
from pipeline.serving.backbones import ONLY_HERE, Backbones
from pipeline.serving.models import Model
from pipeline.storage.feature_file import FeatureFile
from pipeline.systems.view import View

Files = Mapping[str, FeatureFile]
"""role -> feature file"""


def predict_under(
    conditions: Mapping[str, Files],
    model: Model,
    clean: Predictions,
    rows: Sequence[Row],
    device: str = "cpu",
    backbones: Backbones = ONLY_HERE,
) -> Predictions:
    """Predict each test part under each condition.

    Args:
        conditions: condition -> the features of the corpus under it.
        model: the trained models.
        clean: what they predicted, for the folds.
        rows: of the experiment, with its classes; standardisation per speaker takes their statistics under the
            condition, as a speaker with a bad line has no other.
        device: torch device.
        backbones: where a self-supervised model is taken from.

    Returns:
        Probabilities whose parts are the conditions.

    Raises:
        UserError: a model is missing or damaged, or is of another training than the predictions.
    """
    _check_same(model, clean)
    tested = Predictions(clean.classes, card={name: clean.card[name] for name in ("name", "system", "corpus")})
    groups = groups_of(rows)
    with single_thread(), Progress(len(conditions) * len(clean.folds), f"{clean.card['name']} folds") as progress:
        for condition, files in conditions.items():
            for number in range(len(clean.folds)):
                where = clean.where("test", number)
                X = View([clean.keys[i] for i in where], {role: [file] for role, file in files.items()}, groups)
                probabilities = model.fold_probabilities(number, X, device, backbones)
                _add(tested, condition, number, clean, where, probabilities)
                progress.update()
    return tested


def _check_same(model: Model, clean: Predictions) -> None:
    ours, theirs = (len(clean.folds), clean.classes), (len(model.card.folds), model.card.classes)
    if ours != theirs:
        raise UserError(f"{model.folder}: is of another training than {clean.card['name']}'s predictions; `dvc repro`")


def _add(
    tested: Predictions,
    condition: str,
    fold: int,
    clean: Predictions,
    where: NDArray[np.int64],
    probabilities: NDArray[np.float64],
) -> None:
    keys, emotions, speakers = ([column[i] for i in where] for column in (clean.keys, clean.emotions, clean.speakers))
    tested.add(fold, condition, keys, emotions, speakers, probabilities)
