"""Run a transfer: tune or fit the models of each draw, and predict what they did not see.

Models are independent, so they run where the folds of a cross-validation do, and are kept in a journal likewise.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.transfers import Origin, TransferScheme
from pipeline.experiments.cost import Cost
from pipeline.experiments.cross_validation import P, Workers, model_file, moved
from pipeline.experiments.fold_result import FoldResult, Predicted
from pipeline.experiments.journalled import finish
from pipeline.experiments.labelled import Fold
from pipeline.experiments.model_card import FORMAT
from pipeline.experiments.model_folder import CARD, digest, numbers_file
from pipeline.experiments.parts import Parts
from pipeline.experiments.predictions import Predictions
from pipeline.experiments.shared_speakers import shared_speakers
from pipeline.experiments.transfer import FRESH, Transfer
from pipeline.jobs.executors import open_executor, training, worker_count
from pipeline.storage.journal import Journal, save_piece
from pipeline.storage.json_file import write_json
from pipeline.storage.sole_writer import sole_writer
from pipeline.systems.normalisation import looks_at_test_part

if TYPE_CHECKING:
    from pipeline.systems.system import System


def run_transfer(
    transfer: Transfer,
    models: Path,
    workers: int | None = None,
    cluster: str | None = None,
    executor: Executor | None = None,
) -> tuple[Predictions, Cost]:
    """Make and test the models of every draw; write those that are made to the folder `models`. Says the cost, too.

    Args:
        transfer: what to tune and test.
        models: the folder for the models; zero-shot, there are none but the source's.
        workers: worker processes; default `SER_WORKERS`, or one per core.
        cluster: Dask scheduler; default `SER_CLUSTER`.
        executor: used in place of workers and cluster, and left open; its workers see the same files.

    Raises:
        UserError: the share cannot be drawn, or the source's models are missing, damaged or of other params.
    """
    return transferred(transfer, models, _collected, _model_card, (workers, cluster, executor))


def transferred(
    transfer: Transfer,
    models: Path,
    collected: Callable[[Any, Sequence[FoldResult]], P],
    model_card: Callable[[Any, Sequence[FoldResult]], Mapping[str, Any]],
    places: Workers,
) -> tuple[P, Cost]:
    """Make and test the models of every draw of a transfer of any kind; see `run_transfer`.

    Args:
        transfer: what to tune and test.
        models: the folder for the models.
        collected: makes the predictions of the models' results.
        model_card: what the models' card says beside the predictions', its `format` among it.
        places: where work is done.
    """
    workers, cluster, given = places
    count = len(transfer.pieces)  # a mistake in them is said before anything is written
    with sole_writer(models):
        journal = Journal(models, transfer.identity())
        pieces = [(transfer, number, journal.folder.resolve()) for number in range(count)]
        processes = worker_count(workers) if transfer.epochs and transfer.device == "cpu" else 1
        resources = {"GPU": 1.0} if transfer.device.startswith("cuda") else None
        with open_executor(processes, len(pieces) - len(journal.resumed), cluster, resources, given) as executor:
            finish(journal, executor, make_model, pieces, transfer.name, transfer.epochs or 1)
        results = [_result(transfer, journal, number, models) for number in range(len(pieces))]
        cost = Cost.of(results, [source.header for source in transfer.features.values()])
        predictions = collected(transfer, results)
        predictions.card["cost"] = cost.card()
        if transfer.is_trained:
            own = {**predictions.card, **model_card(transfer, results)}
            own |= {"features": _features(transfer), "weights": _digests(models, len(results))}
            write_json(models / CARD, {"format": own.pop("format"), **own})
        predictions.card.update(_about_target(transfer))
        journal.remove()
        return predictions, cost


def make_model(transfer: Transfer, number: int, folder: Path, on_epoch: Callable[[], None] = lambda: None) -> None:
    """Make one model and test it, and keep the result in the journal's folder."""
    fold, start = transfer.pieces[number]
    with training(network="epochs" in transfer.params):
        model = _made(transfer, fold, start, on_epoch)
        trained = transfer.is_trained
        chosen = trained and start is FRESH  # what a loaded model chose is not known any more
        variants = transfer.variants(model, fold.test) if chosen else {}
        nothing = Predicted(fold.test[:0], np.zeros((0, len(transfer.classes))))
        result = FoldResult(
            parts={
                "test": Predicted(fold.test, transfer.predicted(model, fold.test)),
                "validation": nothing,
                "training": nothing,
            },
            classes=transfer.outputs_of(model),
            curve=_curve(transfer, model) if trained else np.zeros((0, len(transfer.curve))),
            model=model_file(model) if trained else b"",
            parameters=model.parameter_count(),
            frozen=model.frozen_count(),
            seconds=model.seconds_per_epoch_,
            operations=_operations_per_second(transfer, model) if number == 0 else np.nan,
            variants=variants,
            chosen=model.chosen_variant() if variants else "",
            choices=model.choices() if chosen else {},
        )
    save_piece(folder, number, result.to_arrays())


def _made(transfer: Transfer, fold: Fold, start: int | None, on_epoch: Callable[[], None]) -> "System":
    """The model that a piece is tested with."""
    draw = fold.repeat
    if transfer.is_refitted:
        X, y = transfer.union(fold.train)
        return transfer.untrained(draw).fit(X, y, on_epoch=on_epoch)
    if start is FRESH:
        train = transfer.fitted_share(fold.train)
        share = transfer.view(train), transfer.truth_of(train)
        return transfer.untrained(draw).fit(*share, on_epoch=on_epoch)
    model = transfer.loaded(draw, start)
    if not transfer.is_trained:
        return model
    train = transfer.fitted_share(fold.train)
    return model.tune(transfer.view(train), transfer.truth_of(train), transfer.plan.tune, on_epoch)


def _curve(transfer: Transfer, model: "System") -> NDArray[np.float64]:
    rows = [[row.get(name, np.nan) for name in transfer.curve] for row in model.history_]
    return np.array(rows, float).reshape(-1, len(transfer.curve))


def _operations_per_second(transfer: Transfer, model: "System") -> float:
    """Floating-point operations of a prediction, per second of speech, on the utterance of median length."""
    order = sorted(range(len(transfer.rows)), key=lambda i: transfer.rows[i].length)
    median = order[len(order) // 2]
    return float(model.operations(transfer.view(np.array([median]))) / transfer.rows[median].length)


def _result(transfer: Transfer, journal: Journal, number: int, models: Path) -> FoldResult:
    if transfer.is_trained:
        return moved(journal, number, models)
    return FoldResult.from_arrays(journal.load(number))


def _collected(transfer: Transfer, results: Sequence[FoldResult]) -> Predictions:
    """The predictions of all draws, each the mean of its models'."""
    predictions = Predictions(transfer.classes, card=_card(transfer))
    for number, fold, models in draws_of(transfer, results):
        keys, speakers = transfer.keys_of(fold.test), [transfer.rows[i].speaker for i in fold.test]
        emotions = [transfer.rows[i].emotion for i in fold.test]
        predictions.add(number, "test", keys, emotions, speakers, mean_outputs(models))
        predictions.add_layers(number, models[0].variants, models[0].chosen)
        add_draw(predictions, transfer, number, fold, models)
    return predictions


def draws_of(transfer: Transfer, results: Sequence[FoldResult]) -> Iterator[tuple[int, Fold, Sequence[FoldResult]]]:
    """Each draw: its number, its parts, and what came of its models."""
    own = len(transfer.starts)
    for number, fold in enumerate(transfer.draws):
        yield number, fold, results[number * own : (number + 1) * own]


def mean_outputs(models: Sequence[FoldResult]) -> NDArray[np.float64]:
    """What a draw's models give for its test part, the mean over them."""
    mean: NDArray[np.float64] = np.mean([model.parts["test"].probabilities for model in models], axis=0)
    return mean


def add_draw(found: Parts, transfer: Transfer, number: int, fold: Fold, models: Sequence[FoldResult]) -> None:
    """Add a draw's parts to predictions of any kind, what its models chose, and their curve, the mean over them."""
    found.choices += [{"fold": number, **models[0].choices}] if models[0].choices else []
    keys = {"train": transfer.keys_of(fold.train), "validation": [], "test": transfer.keys_of(fold.test)}
    found.folds.append(keys)
    for values in np.mean([model.curve for model in models], axis=0):
        known = {name: float(value) for name, value in zip(transfer.curve, values, strict=True) if np.isfinite(value)}
        found.curves.append({"fold": number, **known})


def _card(transfer: Transfer) -> dict[str, Any]:
    labels = transfer.reference.card.labels if transfer.is_trained else "majority"
    return transfer_card(transfer) | ({"labels": labels} if labels != "majority" else {})


def transfer_card(transfer: Transfer) -> dict[str, Any]:
    """What predictions and models have both."""
    plan, source, emotions = transfer.plan, transfer.reference.card, transfer.emotions
    models = [file.header.params.get("model") for file in transfer.files.values()]
    origin = Origin(
        source=plan.source,
        corpus=source.corpus,
        tune=plan.tune,
        weights=plan.weights,
        align=plan.align,
        align_by=plan.align_by,
        fitted_again=transfer.is_refitted,
    )
    return {
        "name": transfer.name,
        "system": source.system,
        "corpus": transfer.corpus,
        "emotions": None if emotions is None else {name: [*labels] for name, labels in emotions.items()},
        "protocol": TransferScheme(share=plan.share, of=plan.of, repeats=len(transfer.draws)).model_dump(mode="json"),
        "speaker_dependent": bool(plan.share) and shared_speakers(transfer.rows, transfer.draws).dependent,
        "selected_on_validation": False,
        "trained_on_validation": False,
        "random_backbone": "tiny" in [*models, transfer.params.get("model")],
        "transductive": plan.align != "none" or looks_at_test_part(transfer.params),
        "params": transfer.params,
        "inputs": {role: file.header.extractor for role, file in transfer.files.items()},
        "seed": transfer.seed,
        "transfer": origin.model_dump(mode="json"),
    }


def _model_card(transfer: Transfer, results: Sequence[FoldResult]) -> dict[str, Any]:
    """The schema, and all the classes of the source, which the models tell apart."""
    trained = [[transfer.classes[i] for i in result.classes] for result in results]
    emotions = transfer.reference.card.emotions
    return {"format": FORMAT, "emotions": emotions, "classes": transfer.classes, "folds": trained}


def _features(transfer: Transfer) -> dict[str, Any]:
    """How each role's features are computed, which is as the source's are."""
    return {role: recipe.model_dump(mode="json") for role, recipe in transfer.reference.card.features.items()}


def _digests(models: Path, count: int) -> list[str]:
    return [digest(numbers_file(models, number).read_bytes()) for number in range(count)]


def _about_target(transfer: Transfer) -> dict[str, Any]:
    """What of a card is about the target and no model."""
    sharing = shared_speakers(transfer.rows, transfer.draws)
    about = {
        "only": {name: [*wanted] for name, wanted in transfer.only.items()},
        "speakers_shared": str(sharing) if transfer.plan.share and sharing.dependent else "",
        "untested": transfer.untested,
        "twins": {row.key: row.twin for row in transfer.rows if row.content != row.key},
    }
    return {name: value for name, value in about.items() if value}
