"""An experiment or a fusion trained again on all that its folds have, as one model that is to be used.

What cross-validation chose is kept: a neural system is trained for the median of the epochs that the folds' networks
were kept at, without a validation part. A system that chooses by inner folds does so anew. A fusion is fitted to what
the branches gave of the whole corpus out of fold, as in stacked generalisation (Wolpert 1992, Neural Networks 5(2)).
The scores stay those of the cross-validation: of a refitted model there is nothing left to test on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np

from pipeline import paths
from pipeline.atomic import atomic_path
from pipeline.audio.keys import source_key
from pipeline.config.params import Params
from pipeline.errors import UserError
from pipeline.experiments.classes import ClassSet
from pipeline.experiments.experiment import Experiment, Indices
from pipeline.experiments.fused_model import FusionCard
from pipeline.experiments.fusion import Fusion
from pipeline.experiments.inputs import experiment_of
from pipeline.experiments.labelled import corpus_title
from pipeline.experiments.model_card import ModelCard
from pipeline.experiments.model_folder import CARD, digest, numbers_file, read_card, validated_card
from pipeline.experiments.predictions import Predictions
from pipeline.experiments.regressor_card import RegressorCard
from pipeline.experiments.value_inputs import regression_of
from pipeline.experiments.values import Values
from pipeline.jobs.devices import torch_devices
from pipeline.jobs.executors import training
from pipeline.storage.json_file import write_json
from pipeline.strict import Strict

PARTS = ("train", "validation", "test")
"""of a fold"""
Curves = Sequence[Mapping[str, float]]


def refit(params: Params, name: str, folder: Path) -> None:
    """Write the refitted models of an experiment or a fusion below a folder: `folder/NAME`, its branches beside it.

    Raises:
        UserError: what it was cross-validated on has changed since, or it cannot be refitted.
    """
    if (folder / name / CARD).is_file():
        return
    if name not in params.fusions:
        _refit_experiment(params, name, folder / name)
        return
    settings = params.fusions[name]
    place = paths.models(name)
    if settings.used() != validated_card(FusionCard, read_card(place), place).params.used():
        raise _changed(name, "params")
    branches = {branch: Predictions.read(paths.predictions(branch)) for branch in settings.of}
    fitted = Fusion(name, settings, branches).refitted()
    for branch in settings.of:
        refit(params, branch, folder)
    fitted.write(folder / name, {branch: folder / branch for branch in settings.of})


def _refit_experiment(params: Params, name: str, folder: Path) -> None:
    if name not in params.experiments:
        raise UserError(f"{name}: is no experiment of params.yaml, so that it cannot be trained again")
    experiment, known, predictions = _cross_validated(params, name)
    _check_unchanged(experiment, known, predictions)
    settings = _settings(experiment, predictions.curves, known.selected_on_validation)
    experiment = replace(experiment, settings=settings)
    with training(network="epochs" in experiment.params):
        keys, truth = experiment.fitted_part(_in_folds(experiment))
        system = experiment.untrained().fit(experiment.view(keys), truth)
    with atomic_path(numbers_file(folder, 0)) as temporary:
        system.save(temporary)
    own = {"folds": [system.classes_.tolist()]} if isinstance(known, ModelCard) else {}
    weights = [digest(numbers_file(folder, 0).read_bytes())]
    changed = {"params": experiment.params, "refitted": True, **own, "weights": weights}
    write_json(folder / CARD, read_card(paths.models(name)) | changed)


def _in_folds(experiment: Experiment) -> Indices:
    """The rows that any fold has: what no list names was left out for a reason, as to test on."""
    return np.unique(np.concatenate([getattr(fold, part) for fold in experiment.folds() for part in PARTS]))


def _cross_validated(params: Params, name: str) -> tuple[Experiment, ModelCard | RegressorCard, Predictions | Values]:
    """An experiment of classes or of numbers, the card of its models, and what they predicted."""
    place, device = paths.models(name), torch_devices()[0]
    card = read_card(place)
    if params.experiments[name].targets:
        values = Values.read(paths.predictions(name))
        return regression_of(params, name, device), validated_card(RegressorCard, card, place), values
    predictions = Predictions.read(paths.predictions(name))
    return experiment_of(params, name, device), validated_card(ModelCard, card, place), predictions


def _check_unchanged(
    experiment: Experiment, card: ModelCard | RegressorCard, predictions: Predictions | Values
) -> None:
    """Refuse what is another than that of the cross-validation, whose scores the export has.

    Whether labels and speakers of the predictions are the corpus's, `check_origin` has looked at.
    """
    recipes = {
        role: (recipe.extractor, recipe.version, recipe.params, recipe.weights)
        for role, recipe in card.features.items()
    }
    headers = {role: file.header for role, file in experiment.clean.items()}
    features = {
        role: (header.extractor, header.version, dict(header.params), header.notes.get("weights", ""))
        for role, header in headers.items()
    }
    for what, ours, theirs in (
        ("system", experiment.system, card.system),
        ("corpus", corpus_title(experiment.rows), card.corpus),
        ("params", experiment.params, card.params),
        *_of_kind(experiment, card),
        ("seed", experiment.seed, card.seed),
        ("trainings", experiment.trainings, card.trainings),
        ("features", features, recipes),
        *_of_learning(experiment, card),
        *_of_recordings(experiment, predictions),
    ):
        if ours != theirs:
            raise _changed(experiment.name, what)


Compared = tuple[str, Any, Any]
"""what is compared, as it is now, and as it was"""


def _of_kind(experiment: Experiment, card: ModelCard | RegressorCard) -> list[Compared]:
    """What the cards of classes alone have, or those of numbers."""
    if isinstance(card, RegressorCard):
        return [("targets", experiment.classes, card.targets)]
    return [
        ("classes", experiment.classes, card.classes),
        ("emotions", _sorted(experiment.emotions), _sorted(card.emotions)),
        ("balance", experiment.balance, card.balance),
        ("labels", experiment.labels, card.labels),
    ]


def _of_learning(experiment: Experiment, card: ModelCard | RegressorCard) -> list[Compared]:
    """What was learned from beside features."""
    ours, theirs = experiment.learned_from(), card.learned_from
    return [
        ("votes", ours.get("votes"), theirs.get("votes")),
        ("pretrained weights", ours.get("pretrained"), theirs.get("pretrained")),
    ]


def _sorted(emotions: ClassSet | None) -> dict[str, list[str]] | None:
    return None if emotions is None else {name: sorted(labels) for name, labels in emotions.items()}


def _of_recordings(experiment: Experiment, predictions: Predictions | Values) -> Iterator[Compared]:
    """Who is in the folds, and which copies are of those that were trained on: a validation part has none."""
    keys, folds = {experiment.rows[i].key for i in _in_folds(experiment)}, predictions.folds
    yield "recordings", keys, {source_key(key) for fold in folds for part in PARTS for key in fold[part]}
    fitted = {key for fold in folds for key in fold["train"]}
    copies = {copy for key, own in experiment.copies().items() if key in fitted for copy in own}
    yield "copies", copies, fitted - keys


def _changed(name: str, what: str) -> UserError:
    return UserError(f"{name}: its {what} changed since it was trained; run `dvc repro` first")


def _settings(experiment: Experiment, curves: Curves, selected: bool) -> Strict:
    """The system's params for a training on all: as many epochs as were chosen, and nothing that waits for better."""
    if not experiment.epochs:
        return experiment.settings
    epochs = chosen_epochs(curves, str(experiment.params["monitor"])) if selected else experiment.epochs
    changed: dict[str, Any] = {"epochs": epochs, "patience": 0}
    return experiment.settings.model_copy(update=changed)


def chosen_epochs(curves: Curves, monitor: str) -> int:
    """The median over folds of the epoch that was kept, the lower one of two.

    Args:
        curves: a row for each fold and epoch, in order; those of several networks are their mean.
        monitor: the column that chose it: `valid_loss`, the lowest, or `valid_acc`, the highest; of equals the first.
    """
    sign = 1 if monitor == "valid_loss" else -1
    folds: dict[float, list[float]] = {}
    for row in curves:
        folds.setdefault(row["fold"], []).append(sign * row[monitor])
    return median_low(1 + int(np.argmin(values)) for values in folds.values())
