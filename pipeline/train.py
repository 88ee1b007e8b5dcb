"""Cross-validate one experiment on cached features: train each fold's model, and predict what it did not see."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio import source_key
from pipeline.manifest import Row
from pipeline.predictions import Predictions, write_json
from pipeline.progress import Progress
from pipeline.protocols import Fold, ProtocolParams, inner_folds, is_speaker_dependent, split
from pipeline.store import FeatureFile
from pipeline.strict import Strict
from pipeline.view import View

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
        noisy: role -> feature file of its noisy copies; empty for none.
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
    noisy: dict[str, FeatureFile]
    seed: int
    device: str = "cpu"

    def copies(self) -> dict[str, list[str]]:
        """Source key -> keys of its noisy copies, which every role has."""
        found: dict[str, list[str]] = {}
        for key in next(iter(self.noisy.values())).keys if self.noisy else []:
            found.setdefault(source_key(key), []).append(key)
        return found


def cross_validate(experiment: Experiment, models: Path) -> Predictions:
    """Train and predict every fold; write each fold's model to the folder `models`.

    Training parts get the noisy copies of their own utterances; validation and test parts stay clean.
    """
    rows, protocol = experiment.rows, experiment.protocol
    folds = split(rows, protocol, experiment.seed)
    copies = experiment.copies()
    found = Predictions(sorted({row.emo for row in rows}))
    epochs = getattr(experiment.settings, "epochs", 1) * len(folds) * (1 + protocol.inner_folds)
    count = 0
    with Progress(epochs, f"{experiment.name} epochs") as progress:
        for number, fold in enumerate(folds):
            model, trained = _fit(experiment, copies, fold.train, fold.validation, progress)
            for part, indices in (("test", fold.test), ("validation", fold.validation)):
                _predict(experiment, found, model, number, part, indices)
            for fitted, predicted in inner_folds(rows, fold.train, protocol, experiment.seed):
                inner, _ = _fit(experiment, copies, fitted, fold.validation, progress)
                _predict(experiment, found, inner, number, "training", predicted)
            found.folds.append(_keys(rows, fold, trained))
            found.curves += [{"fold": number, **row} for row in model.history_]
            model.save(models / f"fold_{number:02d}.safetensors")
            count = model.parameter_count()
    found.card = _card(experiment, count)
    write_json(models / "card.json", {**found.card, "classes": found.classes})
    return found


def _view(experiment: Experiment, keys: Sequence[str]) -> View:
    roles = experiment.clean
    files = {role: [roles[role], *([experiment.noisy[role]] if experiment.noisy else [])] for role in roles}
    return View(keys, files)


def _fit(
    experiment: Experiment, copies: dict[str, list[str]], train: Indices, validation: Indices, progress: Progress
) -> tuple[Any, list[str]]:
    rows = experiment.rows
    keys, emotions = [rows[i].key for i in train], [rows[i].emo for i in train]
    for i in train:
        extra = copies.get(rows[i].key, [])
        keys += extra
        emotions += [rows[i].emo] * len(extra)
    held_out = _view(experiment, [rows[i].key for i in validation]), [rows[i].emo for i in validation]
    model = experiment.classifier(experiment.settings, seed=experiment.seed, device=experiment.device)
    model.fit(_view(experiment, keys), emotions, validation=held_out, on_epoch=progress.update)
    return model, keys


def _predict(experiment: Experiment, found: Predictions, model: Any, fold: int, part: str, indices: Indices) -> None:
    rows = [experiment.rows[i] for i in indices]
    probabilities = np.zeros((len(rows), len(found.classes)))
    columns = [found.classes.index(name) for name in model.classes_]
    probabilities[:, columns] = model.predict_proba(_view(experiment, [row.key for row in rows]))
    found.add(fold, part, [row.key for row in rows], [row.emo for row in rows], probabilities)


def _keys(rows: Sequence[Row], fold: Fold, trained: list[str]) -> dict[str, list[str]]:
    held_out = {"validation": fold.validation, "test": fold.test}
    return {"train": trained, **{part: [rows[i].key for i in indices] for part, indices in held_out.items()}}


def _card(experiment: Experiment, parameters: int) -> dict[str, Any]:
    random = [file.header.params["model"] for file in experiment.clean.values() if "model" in file.header.params]
    return {
        "name": experiment.name,
        "system": experiment.system,
        "corpus": experiment.rows[0].dataset,
        "protocol": experiment.protocol.model_dump(mode="json"),
        "speaker_dependent": is_speaker_dependent(experiment.protocol),
        "random_backbone": "tiny" in random,
        "params": experiment.settings.model_dump(mode="json"),
        "inputs": {role: file.header.extractor for role, file in experiment.clean.items()},
        "parameters": parameters,
        "seed": experiment.seed,
    }
