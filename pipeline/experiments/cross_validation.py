"""Cross-validate one experiment on cached features: train each fold's model, and predict what it did not see.

Folds are independent, so they run in worker processes or on a cluster. Each finished fold is kept in a journal beside
the models; a killed run goes on at the unfinished folds, with the same result.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import atomic_path
from pipeline.experiments.cost import Cost
from pipeline.experiments.experiment import Experiment
from pipeline.experiments.fold_result import PARTS, FoldResult, Predicted
from pipeline.experiments.journalled import finish
from pipeline.experiments.labelled import Fold, corpus_title
from pipeline.experiments.listed_folds import coverage
from pipeline.experiments.model_card import FORMAT
from pipeline.experiments.model_folder import CARD, digest, numbers_file
from pipeline.experiments.predictions import Predictions
from pipeline.experiments.shared_speakers import shared_speakers
from pipeline.jobs.executors import open_executor, training, worker_count
from pipeline.storage.journal import Journal, save_piece
from pipeline.storage.json_file import write_json
from pipeline.storage.sole_writer import sole_writer
from pipeline.systems.normalisation import looks_at_test_part

if TYPE_CHECKING:
    from pipeline.systems.system import System

Indices = NDArray[np.int64]


def cross_validate(
    experiment: Experiment,
    models: Path,
    workers: int | None = None,
    cluster: str | None = None,
    executor: Executor | None = None,
) -> tuple[Predictions, Cost]:
    """Train and predict every fold; write each fold's model to the folder `models`. Says what it cost, too.

    Training parts get the copies of their own utterances; validation and test parts stay clean. Waits while another
    process writes the models.

    Args:
        experiment: what to train and test.
        models: the folder for the models.
        workers: worker processes; default `SER_WORKERS`, or one per core.
        cluster: Dask scheduler; default `SER_CLUSTER`.
        executor: used in place of workers and cluster, and left open; its workers see the same files.
    """
    return cross_validated(experiment, models, _collected, _model_card, (workers, cluster, executor))


class Carded(Protocol):
    """Predictions of any kind."""

    card: dict[str, Any]


P = TypeVar("P", bound=Carded)

Workers = tuple[int | None, str | None, Executor | None]
"""how many processes, the cluster, and what is used in their place, as `cross_validate` takes them"""


def cross_validated(
    experiment: Experiment,
    models: Path,
    collected: Callable[[Any, Sequence[Fold], Sequence[FoldResult]], P],
    model_card: Callable[[Any, Sequence[FoldResult]], Mapping[str, Any]],
    places: Workers,
) -> tuple[P, Cost]:
    """Train and predict every fold of an experiment of any kind; see `cross_validate`.

    Args:
        experiment: what to train and test.
        models: the folder for the models.
        collected: makes the predictions of the folds' results.
        model_card: what the models' card says beside the experiment's.
        places: where work is done.
    """
    workers, cluster, given = places
    folds = experiment.folds()
    with sole_writer(models):
        journal = Journal(models, experiment.identity(folds))
        todo = [number for number in range(len(folds)) if number not in journal.resumed]
        count = worker_count(workers) if experiment.epochs and experiment.device == "cpu" else 1
        resources = {"GPU": 1.0} if experiment.device.startswith("cuda") else None
        with open_executor(count, len(todo), cluster, resources, given) as executor:
            epochs = (experiment.epochs or 1) * (1 + experiment.protocol.inner_folds)
            place = journal.folder.resolve()
            pieces = [(experiment, number, fold, place) for number, fold in enumerate(folds)]
            finish(journal, executor, train_fold, pieces, experiment.name, epochs)
        results = [moved(journal, number, models) for number in range(len(folds))]
        cost = Cost.of(results, [file.header for file in experiment.clean.values()])
        predictions = collected(experiment, folds, results)
        predictions.card["cost"] = cost.card()
        weights = [digest(numbers_file(models, number).read_bytes()) for number in range(len(folds))]
        own = {**predictions.card, **model_card(experiment, results)}
        own |= {"features": _features(experiment), "weights": weights}
        own |= {"learned_from": learned} if (learned := experiment.learned_from()) else {}
        write_json(models / CARD, {"format": own.pop("format"), **own})
        predictions.card.update(_findings(experiment, folds))
        journal.remove()
        return predictions, cost


def train_fold(
    experiment: Experiment, number: int, fold: Fold, folder: Path, on_epoch: Callable[[], None] = lambda: None
) -> None:
    """Train and predict one fold, and keep the result in the journal's folder."""
    networks = experiment.params.get("seeds", 1)  # of successive seeds, which no two repeats share
    experiment = replace(experiment, seed=experiment.seed + fold.repeat * networks)
    with training(network="epochs" in experiment.params):
        model = _fit(experiment, fold.train, fold.validation, on_epoch)
        parts = {
            "test": _predict(experiment, model, fold.test),
            "validation": _predict(experiment, model, fold.validation),
            "training": _predict_training(experiment, fold, on_epoch),
        }
        variants = experiment.variants(model, fold.test)
        operations = _operations_per_second(experiment, model) if number == 0 else np.nan
    curve = [[row.get(name, np.nan) for name in experiment.curve] for row in model.history_]
    result = FoldResult(
        parts=parts,
        classes=experiment.outputs_of(model),
        curve=np.array(curve, float).reshape(-1, len(experiment.curve)),
        model=model_file(model),
        parameters=model.parameter_count(),
        frozen=model.frozen_count(),
        seconds=model.seconds_per_epoch_,
        operations=operations,
        variants=variants,
        chosen=model.chosen_variant() if variants else "",
        choices=model.choices(),
    )
    save_piece(folder, number, result.to_arrays())


def _fit(experiment: Experiment, train: Indices, validation: Indices, on_epoch: Callable[[], None]) -> "System":
    keys, emotions = experiment.fitted_part(train)
    held_out, truth = experiment.part(validation)
    model = experiment.untrained()
    watched = (experiment.view(held_out), truth) if held_out else None
    return model.fit(experiment.view(keys), emotions, validation=watched, on_epoch=on_epoch)


def _predict(experiment: Experiment, model: "System", indices: Indices) -> Predicted:
    """What a model gives for a part, which may be empty."""
    nothing = np.zeros((0, len(experiment.classes)))
    return Predicted(indices, experiment.predicted(model, indices) if len(indices) else nothing)


def columns_of_all(classes: Sequence[str], model: "System", own: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (n, classes) of a model's classes in the columns of all; 0 for those that it was not trained on."""
    probabilities = np.zeros((len(own), len(classes)))
    probabilities[:, [classes.index(name) for name in model.classes_]] = own
    return probabilities


def _predict_training(experiment: Experiment, fold: Fold, on_epoch: Callable[[], None]) -> Predicted:
    """The training part, by models of inner folds that did not see it; nothing without inner folds."""
    pieces = []
    for fitted, predicted in experiment.inner_folds(fold):
        model = _fit(experiment, fitted, experiment.of_classes(fitted, fold.validation), on_epoch)
        pieces.append(_predict(experiment, model, predicted))
    return Predicted.joined(pieces, len(experiment.classes))


def _operations_per_second(experiment: Experiment, model: "System") -> float:
    """Floating-point operations of a prediction, per second of speech, on the utterance of median length."""
    row = sorted(experiment.rows, key=lambda row: row.length)[len(experiment.rows) // 2]
    return float(model.operations(experiment.view([row.key])) / row.length)


def model_file(model: "System") -> bytes:
    """What a model saves."""
    with TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        return (Path(folder) / "model").read_bytes()


def moved(journal: Journal, number: int, models: Path) -> FoldResult:
    """One fold's result, whose model goes from the journal to the folder `models`, and does not stay in memory."""
    result = FoldResult.from_arrays(journal.load(number))
    with atomic_path(numbers_file(models, number)) as temporary:
        temporary.write_bytes(result.model)
    return replace(result, model=b"")


def _model_card(experiment: Experiment, results: Sequence[FoldResult]) -> dict[str, Any]:
    """The schema, all classes, and those of each fold's model."""
    trained = [[experiment.classes[i] for i in result.classes] for result in results]
    return {"format": FORMAT, "classes": experiment.classes, "folds": trained}


def _collected(experiment: Experiment, folds: Sequence[Fold], results: Sequence[FoldResult]) -> Predictions:
    """The predictions of all folds."""
    predictions = Predictions(experiment.classes, card=experiment_card(experiment, folds))
    for number, (fold, result) in enumerate(zip(folds, results, strict=True)):
        for name in PARTS:
            part = result.parts[name]
            speakers = [experiment.rows[i].speaker for i in part.rows]
            predictions.add(number, name, *experiment.part(part.rows), speakers, part.probabilities)
        held_out = {name: experiment.part(getattr(fold, name))[0] for name in ("validation", "test")}
        predictions.add_layers(number, result.variants, result.chosen)
        predictions.choices += [{"fold": number, **result.choices}] if result.choices else []
        predictions.folds.append({"train": experiment.training_part(fold.train)[0], **held_out})
        predictions.curves += curve_of(experiment, number, result)
    return predictions


def curve_of(experiment: Experiment, fold: int, result: FoldResult) -> list[dict[str, float]]:
    """What is known of each epoch of a fold."""
    rows = [dict(zip(experiment.curve, map(float, values), strict=True)) for values in result.curve]
    return [{"fold": fold, **{name: value for name, value in row.items() if np.isfinite(value)}} for row in rows]


def _features(experiment: Experiment) -> dict[str, Any]:
    """How each role's features are computed, which is all that a prediction needs to know of them."""
    headers = {role: file.header for role, file in experiment.clean.items()}
    return {
        role: {
            "extractor": header.extractor,
            "version": header.version,
            "params": dict(header.params),
            "weights": header.notes.get("weights", ""),
        }
        for role, header in headers.items()
    }


def _findings(experiment: Experiment, folds: Sequence[Fold]) -> dict[str, Any]:
    """What of a card is about the corpus and no model: recordings chosen or listed, twins, classes, shared speakers."""
    sharing = shared_speakers(experiment.rows, folds)
    twins = {row.key: row.twin for row in experiment.rows if row.content != row.key}
    findings = {
        "only": {name: [*wanted] for name, wanted in experiment.only.items()},
        "speakers_shared": str(sharing) if sharing.dependent else "",
        "untested": _untested(experiment, folds),
        "listed": coverage(experiment.rows, experiment.protocol, folds, experiment.left_out),
        "twins": twins,
    }
    return {name: value for name, value in findings.items() if value}


def _untested(experiment: Experiment, folds: Sequence[Fold]) -> list[str]:
    """The classes of which no test part has a recording, as lists of others may have it."""
    emotions = {row.emotion for row in experiment.rows}.intersection(experiment.classes)  # none where these are targets
    return sorted(emotions - {experiment.rows[i].emotion for fold in folds for i in fold.test})


def experiment_card(experiment: Experiment, folds: Sequence[Fold]) -> dict[str, Any]:
    """What a reader must know of an experiment to judge its scores."""
    params, emotions, validated = experiment.params, experiment.emotions, experiment.validated
    models = [file.header.params.get("model") for file in experiment.clean.values()]
    return {
        "name": experiment.name,
        "system": experiment.system,
        "corpus": corpus_title(experiment.rows),
        "emotions": None if emotions is None else {name: list(labels) for name, labels in emotions.items()},
        "protocol": experiment.protocol.model_dump(mode="json"),
        "speaker_dependent": shared_speakers(experiment.rows, folds).dependent,
        "selected_on_validation": validated and experiment.holds_out and bool(params.get("stop")),
        "trained_on_validation": validated and not experiment.holds_out,
        "random_backbone": "tiny" in [*models, params.get("model")],
        "transductive": looks_at_test_part(params),
        "params": params,
        "inputs": {role: file.header.extractor for role, file in experiment.clean.items()},
        "seed": experiment.seed,
        **({"trainings": experiment.trainings} if experiment.trainings > 1 else {}),
        **({"balance": experiment.balance} if experiment.balance != "none" else {}),
        **({"labels": experiment.labels} if experiment.labels != "majority" else {}),
    }
