"""Emotions of new recordings, by the trained models of an experiment or of a fusion.

A cross-validation leaves a model for each fold; the probabilities are the mean over all of them. The folder of an
experiment's models is all that is needed, with the self-supervised model it names, if any: `card.json` says how the
features are computed. A fusion is fitted again, fold by fold, on the probabilities its branches left, which gives what
it was; its branches may be fusions themselves.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import paths
from pipeline.config.fusions import FusionParams, experiments_below
from pipeline.errors import ParamsError, UserError, nearest
from pipeline.experiments.fusion import Fusion
from pipeline.experiments.predictions import Predictions
from pipeline.extraction.recipe import extract_recordings, make_extractor
from pipeline.features import find_extractor
from pipeline.features.base import Extractor
from pipeline.jobs.devices import device_names, torch_devices
from pipeline.jobs.workplace import Workplace
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.identity import canonical_json
from pipeline.strict import validate
from pipeline.systems import find_system
from pipeline.systems.view import View

CARD = "card.json"

Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """An experiment's trained models: a folder with a file for each fold, and what its card says."""

    folder: Path
    card: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "Model":
        """Read the card of a folder.

        Raises:
            UserError: there is none, or it is of another program.
        """
        try:
            card = json.loads((folder / CARD).read_text(encoding="utf-8"))
            if not {"system", "params", "classes", "folds", "features"} <= card.keys():
                raise ValueError("it does not say what features the models take")
        except (OSError, ValueError, AttributeError) as error:
            raise UserError(f"{folder / CARD}: is no card of trained models ({error}); train them again") from error
        return cls(folder, card)

    def describe(self) -> str:
        """In one line: what it is, and what it was trained on."""
        card, count = self.card, len(self.card["folds"])
        random = (
            "; its hidden states are of random weights, so the output means nothing" if card["random_backbone"] else ""
        )
        return f"{card['name']}: {card['system']}, trained on {card['corpus']}, mean of {count} models{random}"

    def leaves(self) -> list["Model"]:
        """Itself: see `FusedModel`."""
        return [self]

    def combined(self, leaves: Mapping[Path, Probabilities]) -> Probabilities:
        """Its own probabilities (folds, N, classes) among those of all models, by folder."""
        return leaves[self.folder]

    def extractors(self, workplace: Workplace) -> dict[str, Extractor[Any]]:
        """Role -> the extractor of its features, as they were in training.

        Raises:
            UserError: this program computes them in another way, or the self-supervised model has other weights.
        """
        return {role: self._extractor(role, recipe, workplace) for role, recipe in self.card["features"].items()}

    def _extractor(self, role: str, recipe: Mapping[str, Any], workplace: Workplace) -> Extractor[Any]:
        kind = find_extractor(recipe["extractor"])
        params = validate(kind.Params, recipe["params"], f"{self.folder / CARD}: {role}")
        extractor = make_extractor(kind, params, workplace)
        for what, ours, theirs in (
            ("version", extractor.version, recipe["version"]),
            ("weights", extractor.weights_digest, recipe["weights"]),
        ):
            if ours != theirs:
                raise UserError(
                    f"{self.folder}: was trained on {recipe['extractor']} of {what} {theirs[:12]!r}, here it is "
                    f"{ours[:12]!r}; train it again"
                )
        return extractor

    def probabilities(self, X: View, device: str) -> Probabilities:
        """Each fold's probabilities of all classes, (folds, N, classes)."""
        kind, classes = find_system(self.card["system"]).load(), self.card["classes"]
        settings = validate(kind.Params, self.card["params"], f"{self.folder / CARD}: params")
        probabilities = np.zeros((len(self.card["folds"]), len(X), len(classes)))
        for number, own in enumerate(self.card["folds"]):
            path = self.folder / f"fold_{number:02d}.safetensors"
            if not path.is_file():
                raise UserError(f"{path}: is missing; copy the whole folder, or train it again")
            columns = [classes.index(name) for name in own]
            model = kind(settings, seed=self.card["seed"], device=device).load(path, X, own)
            probabilities[number][:, columns] = model.predict_proba(X)
        return probabilities


@dataclass(frozen=True)
class FusedModel:
    """A fusion of models, or of fusions of them."""

    name: str
    params: FusionParams
    branches: tuple["Model | FusedModel", ...]

    def leaves(self) -> list[Model]:
        """The experiments' models below, each once, in the order of branches."""
        models = {model.folder: model for branch in self.branches for model in branch.leaves()}
        return list(models.values())

    def combined(self, leaves: Mapping[Path, Probabilities]) -> Probabilities:
        """Probabilities (folds, N, classes) from those of the models below, by folder.

        Raises:
            UserError: the probabilities that the branches left are missing, or do not fit each other.
        """
        fusion = Fusion(
            self.name, self.params, {name: Predictions.read(paths.predictions(name)) for name in self.params.of}
        )
        members = [branch.combined(leaves) for branch in self.branches]
        return np.stack([fusion.fitted(number)(same) for number, same in enumerate(zip(*members, strict=True))])


def find_models(name: str, fusions: Mapping[str, FusionParams]) -> Model | FusedModel:
    """The models that a folder, an experiment or a fusion of this project has.

    Raises:
        ParamsError: there is nothing of that name, or a fusion rests on itself.
        UserError: a branch of a fusion is not trained.
    """
    for folder in (Path(name), paths.models(name)):
        if (folder / CARD).is_file():
            return Model.read(folder)
    if name in fusions:
        experiments_below(name, fusions)  # refuses a circle
        return _find_fused(name, fusions)
    trained = sorted(path.parent.name for path in paths.models("").glob(f"*/{CARD}"))
    known = [*trained, *fusions]
    raise ParamsError(
        f"{name}: no folder of trained models, nor an experiment or fusion of this project{nearest(name, known)}; "
        f"trained: {', '.join(known) or 'none; `dvc repro` trains them'}"
    )


def _find_fused(name: str, fusions: Mapping[str, FusionParams]) -> FusedModel:
    def branch(below: str) -> Model | FusedModel:
        return _find_fused(below, fusions) if below in fusions else Model.read(paths.models(below))

    return FusedModel(name, fusions[name], tuple(branch(below) for below in fusions[name].of))


def predict(
    source: Model | FusedModel,
    recordings: Mapping[str, Path],
    speakers: Mapping[str, str],
    device: str | None = None,
    workers: int | None = None,
) -> Probabilities:
    """Class probabilities (N, classes) of recordings (key -> file), the mean over folds.

    Args:
        source: what `find_models` gives.
        recordings: key -> file.
        speakers: key -> speaker, for models that standardise each speaker; who is not there is unknown.
        device: torch device; default `SER_DEVICE`, or a GPU where there is one.
        workers: worker processes.

    Raises:
        UserError: a recording cannot be decoded, or a model does not fit the program.
    """
    models = source.leaves()
    torch = any("epochs" in model.card["params"] or "ssl" in model.card["features"] for model in models)
    devices = torch_devices(device) if torch or device else ["cpu"]
    # Not on a cluster, whose workers do not see this machine's temporary files.
    workplace = Workplace(workers, "", tuple(device_names(device)) if device else ())
    extractors = [model.extractors(workplace) for model in models]
    groups = {"speaker": {key: speakers.get(key, "") for key in recordings}, "corpus": dict.fromkeys(recordings, "-")}
    leaves: dict[Path, Probabilities] = {}
    with TemporaryDirectory(prefix="ser-predict-") as folder:
        every = [extractor for roles in extractors for extractor in roles.values()]
        files = _features(every, recordings, Path(folder), workplace)
        for model, roles in zip(models, extractors, strict=True):
            X = View(list(recordings), {role: [files[_identity(e)]] for role, e in roles.items()}, groups)
            leaves[model.folder] = model.probabilities(X, devices[0])
    return np.asarray(source.combined(leaves).mean(axis=0))


def _identity(extractor: Extractor[Any]) -> str:
    return f"{extractor.name} {canonical_json(extractor.params.model_dump(mode='json'))}"


def _features(
    extractors: Sequence[Extractor[Any]], recordings: Mapping[str, Path], folder: Path, workplace: Workplace
) -> dict[str, FeatureFile]:
    """Feature files by what they hold; what two models share is computed once."""
    distinct = {_identity(extractor): extractor for extractor in extractors}
    files = {name: folder / f"features_{number}.h5" for number, name in enumerate(distinct)}
    extract_recordings({files[name]: each for name, each in distinct.items()}, recordings, "recordings", workplace)
    return {name: FeatureFile(path) for name, path in files.items()}
