"""Trained models on the test parts of their own corpus under other conditions: with noise, over the telephone, as MP3.

Each fold's model is asked about that fold's test part, as in the cross-validation. Nothing is trained or chosen here.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.corpora.manifest import Row
from pipeline.errors import UserError
from pipeline.experiments.experiment import groups_of
from pipeline.experiments.fused_model import FittedFusion
from pipeline.experiments.predictions import Predictions
from pipeline.jobs.executors import single_thread
from pipeline.jobs.progress import Progress
from pipeline.serving.backbones import ONLY_HERE, Backbones
from pipeline.serving.models import Model
from pipeline.storage.source import Source
from pipeline.systems import find_system
from pipeline.systems.view import View

Files = Mapping[str, Source]
"""role -> feature file, or those of several corpora as one"""


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
    torch = find_system(clean.card["system"]).neural
    with single_thread(torch), Progress(len(conditions) * len(clean.folds), f"{clean.card['name']} folds") as progress:
        for condition, files in conditions.items():
            for number in range(len(clean.folds)):
                where = clean.where("test", number)
                X = View([clean.keys[i] for i in where], {role: [file] for role, file in files.items()}, groups)
                probabilities = model.fold_probabilities(number, X, device, backbones)
                _add(tested, condition, number, clean, where, probabilities)
                progress.update()
    return tested


def fuse_under(fusion: FittedFusion, branches: Mapping[str, Predictions]) -> Predictions:
    """Fuse what the branches gave under the conditions that all of them were tested under.

    Args:
        fusion: as it was fitted, on clean recordings.
        branches: name -> their predictions, whose parts are the conditions.

    Raises:
        UserError: a branch was not tested on what the first was.
    """
    first, *others = (branches[name] for name in fusion.card.params.of)
    fused = Predictions(first.classes, card={name: getattr(fusion.card, name) for name in ("name", "system", "corpus")})
    for condition in dict.fromkeys(first.part):
        if all(condition in other.part for other in others):
            for number, combine in enumerate(fusion.folds):
                where = first.where(condition, number)
                rows = [first.probabilities(where), *(_same(first, where, other) for other in others)]
                fused.add_like(first, where, combine(rows))
    return fused


def _same(first: Predictions, where: NDArray[np.int64], other: Predictions) -> NDArray[np.float64]:
    """The probabilities that another branch gives of the same fold, condition and utterance."""
    places = {place: i for i, place in enumerate(zip(other.fold, other.part, other.keys, strict=True))}
    try:
        return other.probabilities(np.array([places[first.fold[i], first.part[i], first.keys[i]] for i in where]))
    except KeyError as error:
        fold, condition, key = error.args[0]
        name = other.card["name"]
        raise UserError(f"{name}: has no {key!r} of fold {fold} under {condition}; `dvc repro test-{name}`") from error


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
