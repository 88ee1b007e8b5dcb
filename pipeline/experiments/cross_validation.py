"""Cross-validate one experiment on cached features: train each fold's model, and predict what it did not see.

Folds are independent, so they run in worker processes or on a cluster. Each finished fold is kept in a journal beside
the models; a killed run goes on at the unfinished folds, with the same result.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import atomic_path
from pipeline.audio.keys import source_key
from pipeline.config.protocols import ProtocolParams
from pipeline.corpora.manifest import Row
from pipeline.experiments.classes import ClassSet
from pipeline.experiments.predictions import CURVE, Predictions, write_json
from pipeline.experiments.protocols import Fold, inner_folds, is_speaker_dependent, split
from pipeline.jobs.executors import open_executor, run_all, single_thread, worker_count
from pipeline.jobs.progress import Progress
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.identity import canonical_json
from pipeline.storage.journal import Journal, Piece, save_piece
from pipeline.strict import Strict
from pipeline.systems.view import View

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Experiment:
    """Everything a cross-validation needs.

    Attributes:
        name: the experiment's name.
        system: the system's name.
        classifier: the system's class.
        settings: its params.
        protocol: who is trained on and tested on.
        rows: the manifest.
        clean: role -> feature file of the corpus.
        copied: role -> feature file of its copies; empty for none.
        emotions: the class set that the rows' labels are of; None where they are the corpus's own.
        seed: of splits and training.
        device: torch device.
    """

    name: str
    system: str
    classifier: Any
    settings: Strict
    protocol: ProtocolParams
    rows: Sequence[Row]
    clean: dict[str, FeatureFile]
    copied: dict[str, FeatureFile]
    seed: int
    device: str = "cpu"
    emotions: ClassSet | None = None

    def copies(self) -> dict[str, list[str]]:
        """Source key -> keys of its copies, which every role has."""
        found: dict[str, list[str]] = {}
        for key in next(iter(self.copied.values())).keys if self.copied else []:
            found.setdefault(source_key(key), []).append(key)
        return found

    def view(self, keys: Sequence[str]) -> View:
        """The features of these utterances or copies."""
        copied = {role: [file] for role, file in self.copied.items()}
        groups = {
            "speaker": {row.key: row.speaker for row in self.rows},
            "corpus": {row.key: row.dataset for row in self.rows},
        }
        return View(keys, {role: [file, *copied.get(role, [])] for role, file in self.clean.items()}, groups)

    def training_keys(self, train: Indices) -> tuple[list[str], list[str]]:
        """Keys and emotions of a training part, with the copies of its own utterances at the end."""
        copies = self.copies()
        rows = [self.rows[i] for i in train]
        extra = [(key, row.emo) for row in rows for key in copies.get(row.key, [])]
        keys = [row.key for row in rows] + [key for key, _ in extra]
        return keys, [row.emo for row in rows] + [emo for _, emo in extra]

    def identity(self, folds: Sequence[Fold]) -> str:
        """Says all that the trained folds depend on, the program included."""
        files = {f"clean {role}": file for role, file in self.clean.items()}
        files |= {f"copied {role}": file for role, file in self.copied.items()}
        package = Path(__file__).parents[1]
        return canonical_json(
            {
                "system": self.system,
                "settings": self.settings.model_dump(mode="json"),
                "protocol": self.protocol.model_dump(mode="json"),
                "seed": self.seed,
                "device": self.device.split(":")[0],
                "rows": [[row.key, row.emo, row.speaker] for row in self.rows],
                "folds": [[part.tolist() for part in (f.train, f.validation, f.test)] for f in folds],
                "files": {name: [file.keys, file.digests.tobytes().hex()] for name, file in files.items()},
                "program": {str(p.relative_to(package)): _digest(p) for p in sorted(package.rglob("*.py"))},
            }
        )


@dataclass
class Cost:
    """What a system costs: to be said, and never written into an output, as times differ from run to run."""

    parameters: int = 0
    operations: float = np.nan
    """floating-point operations per second of speech"""
    seconds: float = np.nan
    """time per epoch (s), the mean over folds"""
    _times: list[float] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        """Add one fold's."""
        self.parameters = int(piece["parameters"])
        self.operations = float(piece["operations"]) if "operations" in piece else self.operations
        self._times.append(float(piece["seconds"]))
        self.seconds = float(np.mean(self._times))

    def __str__(self) -> str:
        said = [f"{self.parameters:,} trained parameters"]
        if np.isfinite(self.operations):
            unit, name = (1e9, "GFLOP") if self.operations >= 1e9 else (1e6, "MFLOP")
            said.append(f"{self.operations / unit:.3g} {name} per second of speech")
        if np.isfinite(self.seconds):
            said.append(f"{self.seconds:.3g} s per epoch")
        return ", ".join(said)


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def cross_validate(
    experiment: Experiment,
    models: Path,
    workers: int | None = None,
    cluster: str | None = None,
    executor: Executor | None = None,
) -> tuple[Predictions, "Cost"]:
    """Train and predict every fold; write each fold's model to the folder `models`. Says what it cost, too.

    Training parts get the copies of their own utterances; validation and test parts stay clean.

    Args:
        experiment: what to train and test.
        models: the folder for the models.
        workers: worker processes; default `SER_WORKERS`, or one per core.
        cluster: Dask scheduler; default `SER_CLUSTER`.
        executor: used in place of workers and cluster, and left open; its workers see the same files.
    """
    rows, protocol = experiment.rows, experiment.protocol
    folds = split(rows, protocol, experiment.seed)
    journal = Journal(models, experiment.identity(folds))
    todo = [number for number in range(len(folds)) if number not in journal.resumed]
    count = worker_count(workers) if getattr(experiment.settings, "epochs", 0) and experiment.device == "cpu" else 1
    resources = {"GPU": 1.0} if experiment.device.startswith("cuda") else None
    with open_executor(count, len(todo), cluster, resources, executor) as executor:
        fits = 1 if executor else getattr(experiment.settings, "epochs", 1) * (1 + protocol.inner_folds)
        label = f"{experiment.name} {'folds' if executor else 'epochs'}"
        with Progress(fits * len(folds), label, initial=fits * len(journal.resumed)) as progress:
            here = () if executor else (progress.update,)
            tasks = ((experiment, number, folds[number], journal.folder.resolve(), *here) for number in todo)
            for _ in run_all(executor, train_fold, tasks):
                if executor:
                    progress.update()

    found = Predictions(sorted({row.emo for row in rows}))
    cost = Cost()
    trained: list[list[str]] = []
    for number in range(len(folds)):
        piece = journal.load(number)
        _collect(experiment, found, number, folds[number], piece, models)
        cost.add(piece)
        trained.append([found.classes[i] for i in piece["classes"]])
    found.card = _card(experiment, cost.parameters)
    write_json(models / "card.json", {**found.card, "classes": found.classes, **_for_prediction(experiment, trained)})
    journal.remove()
    return found, cost


def train_fold(
    experiment: Experiment, number: int, fold: Fold, folder: Path, on_epoch: Callable[[], None] = lambda: None
) -> None:
    """Train and predict one fold, and keep the result in the journal's folder."""
    rows = experiment.rows
    piece: dict[str, NDArray[Any]] = {}
    with single_thread():
        model = _fit(experiment, fold.train, fold.validation, on_epoch)
        for part, indices in (("test", fold.test), ("validation", fold.validation)):
            piece[f"{part}/rows"], piece[part] = indices, _predict(experiment, model, indices)
        inner = [(fold.test[:0], np.zeros((0, piece["test"].shape[1])))]
        for fitted, predicted in inner_folds(rows, fold.train, experiment.protocol, experiment.seed):
            part_model = _fit(experiment, fitted, fold.validation, on_epoch)
            inner.append((predicted, _predict(experiment, part_model, predicted)))
    piece["training/rows"] = np.concatenate([indices for indices, _ in inner])
    piece["training"] = np.concatenate([probabilities for _, probabilities in inner])
    curve = [[row.get(name, np.nan) for name in CURVE] for row in model.history_]
    piece["curve"] = np.array(curve, float).reshape(-1, len(CURVE))
    classes = sorted({row.emo for row in rows})
    piece["classes"] = np.array([classes.index(name) for name in model.classes_], np.int64)
    piece["parameters"] = np.array(model.parameter_count())
    piece["seconds"] = np.array(model.seconds_per_epoch_)
    if number == 0:
        piece["operations"] = np.array(_operations_per_second(experiment, model))
    with TemporaryDirectory() as place:
        model.save(Path(place) / "model")
        piece["model"] = np.frombuffer((Path(place) / "model").read_bytes(), np.uint8)
    save_piece(folder, number, piece)


def _fit(experiment: Experiment, train: Indices, validation: Indices, on_epoch: Callable[[], None]) -> Any:
    keys, emotions = experiment.training_keys(train)
    rows = [experiment.rows[i] for i in validation]
    held_out = (experiment.view([row.key for row in rows]), [row.emo for row in rows]) if rows else None
    model = experiment.classifier(experiment.settings, seed=experiment.seed, device=experiment.device)
    return model.fit(experiment.view(keys), emotions, validation=held_out, on_epoch=on_epoch)


def _operations_per_second(experiment: Experiment, model: Any) -> float:
    """Floating-point operations of a prediction, per second of speech, on the utterance of median length."""
    row = sorted(experiment.rows, key=lambda row: row.length)[len(experiment.rows) // 2]
    return float(model.operations(experiment.view([row.key])) / row.length)


def _predict(experiment: Experiment, model: Any, indices: Indices) -> NDArray[np.float64]:
    """Probabilities of all the corpus's classes; 0 for those that the model was not trained on."""
    classes = sorted({row.emo for row in experiment.rows})
    probabilities = np.zeros((len(indices), len(classes)))
    if not len(indices):
        return probabilities
    columns = [classes.index(name) for name in model.classes_]
    probabilities[:, columns] = model.predict_proba(experiment.view([experiment.rows[i].key for i in indices]))
    return probabilities


def _collect(experiment: Experiment, found: Predictions, number: int, fold: Fold, piece: Piece, models: Path) -> None:
    """Add one fold's result to the predictions and write its model."""
    for part in ("test", "validation", "training"):
        rows = [experiment.rows[i] for i in piece[f"{part}/rows"]]
        keys, emotions, speakers = ([getattr(row, name) for row in rows] for name in ("key", "emo", "speaker"))
        found.add(number, part, keys, emotions, speakers, piece[part])
    held_out = {part: [experiment.rows[i].key for i in getattr(fold, part)] for part in ("validation", "test")}
    found.folds.append({"train": experiment.training_keys(fold.train)[0], **held_out})
    for values in piece["curve"]:
        known = {name: float(value) for name, value in zip(CURVE, values, strict=True) if np.isfinite(value)}
        found.curves.append({"fold": number, **known})
    with atomic_path(models / f"fold_{number:02d}.safetensors") as temporary:
        temporary.write_bytes(piece["model"].tobytes())


def _for_prediction(experiment: Experiment, trained: list[list[str]]) -> dict[str, Any]:
    """What `predict.py` needs of the models: each fold's classes, and how each role's features are computed."""
    headers = {role: file.header for role, file in experiment.clean.items()}
    return {
        "folds": trained,
        "features": {
            role: {
                "extractor": header.extractor,
                "version": header.version,
                "params": dict(header.params),
                "weights": header.notes.get("weights", ""),
            }
            for role, header in headers.items()
        },
    }


def _card(experiment: Experiment, parameters: int) -> dict[str, Any]:
    random = [file.header.params["model"] for file in experiment.clean.values() if "model" in file.header.params]
    return {
        "name": experiment.name,
        "system": experiment.system,
        "corpus": experiment.rows[0].dataset,
        "emotions": experiment.emotions,
        "protocol": experiment.protocol.model_dump(mode="json"),
        "speaker_dependent": is_speaker_dependent(experiment.protocol),
        "random_backbone": "tiny" in random or getattr(experiment.settings, "model", "") == "tiny",
        "transductive": getattr(experiment.settings, "normalisation", "training") != "training",
        "params": experiment.settings.model_dump(mode="json"),
        "inputs": {role: file.header.extractor for role, file in experiment.clean.items()},
        "parameters": parameters,
        "seed": experiment.seed,
    }
