"""Emotions of new recordings, by the trained models of an experiment or of a fusion.

A cross-validation leaves a model for each fold; the probabilities are the mean over all of them. The folder of an
experiment's models is all that is needed, with the self-supervised model it names, if any: `card.json` says how the
features are computed. A fusion is fitted again, fold by fold, on the probabilities its branches left, which gives what
it was.
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
from pipeline.config.fusions import FusionParams
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

    def extractors(self, workplace: Workplace) -> dict[str, Extractor[Any]]:
        """Role -> the extractor of its features, as they were in training.

        Raises:
            UserError: this program computes them in another way, or the self-supervised model has other weights.
        """
        found: dict[str, Extractor[Any]] = {}
        for role, said in self.card["features"].items():
            kind = find_extractor(said["extractor"])
            params = validate(kind.Params, said["params"], f"{self.folder / CARD}: {role}")
            made = make_extractor(kind, params, workplace)
            for what, ours, theirs in (
                ("version", made.version, said["version"]),
                ("weights", made.weights_digest, said["weights"]),
            ):
                if ours != theirs:
                    raise UserError(
                        f"{self.folder}: was trained on {said['extractor']} of {what} {theirs[:12]!r}, here it is "
                        f"{ours[:12]!r}; train it again"
                    )
            found[role] = made
        return found

    def probabilities(self, X: View, device: str) -> Probabilities:
        """Each fold's probabilities of all classes, (folds, N, classes)."""
        kind, classes = find_system(self.card["system"]).load(), self.card["classes"]
        settings = validate(kind.Params, self.card["params"], f"{self.folder / CARD}: params")
        found = np.zeros((len(self.card["folds"]), len(X), len(classes)))
        for number, own in enumerate(self.card["folds"]):
            path = self.folder / f"fold_{number:02d}.safetensors"
            if not path.is_file():
                raise UserError(f"{path}: is missing; copy the whole folder, or train it again")
            columns = [classes.index(name) for name in own]
            model = kind(settings, seed=self.card["seed"], device=device).load(path, X, own)
            found[number][:, columns] = model.predict_proba(X)
        return found


def find_models(name: str, fusions: Mapping[str, FusionParams]) -> tuple[list[Model], FusionParams | None]:
    """The models that a folder, an experiment or a fusion of this project has: one, or a fusion's branches.

    Raises:
        ParamsError: there is nothing of that name.
    """
    for folder in (Path(name), paths.models(name)):
        if (folder / CARD).is_file():
            return [Model.read(folder)], None
    if name in fusions:
        params = fusions[name]
        return [Model.read(paths.models(branch)) for branch in params.of], params
    trained = sorted(path.parent.name for path in paths.models("").glob(f"*/{CARD}"))
    known = [*trained, *fusions]
    raise ParamsError(
        f"{name}: no folder of trained models, nor an experiment or fusion of this project{nearest(name, known)}; "
        f"trained: {', '.join(known) or 'none; `dvc repro` trains them'}"
    )


def predict(
    name: str,
    models: Sequence[Model],
    fusion: FusionParams | None,
    recordings: Mapping[str, Path],
    speakers: Mapping[str, str],
    device: str | None = None,
    workers: int | None = None,
) -> Probabilities:
    """Class probabilities (N, classes) of recordings (key -> file), the mean over folds.

    Args:
        name: of the experiment or fusion.
        models: an experiment's, or a fusion's branches'.
        fusion: the fusion's params, or None.
        recordings: key -> file.
        speakers: key -> speaker, for models that standardise each speaker; who is not there is unknown.
        device: torch device; default `SER_DEVICE`, or a GPU where there is one.
        workers: worker processes.

    Raises:
        UserError: a recording cannot be decoded, or a model does not fit the program.
    """
    torch = any("epochs" in model.card["params"] or "ssl" in model.card["features"] for model in models)
    devices = torch_devices(device) if torch or device else ["cpu"]
    # Not on a cluster, whose workers do not see this machine's temporary files.
    workplace = Workplace(workers, "", tuple(device_names(device)) if device else ())
    made = [model.extractors(workplace) for model in models]
    groups = {"speaker": {key: speakers.get(key, "") for key in recordings}, "corpus": dict.fromkeys(recordings, "-")}
    with TemporaryDirectory(prefix="ser-predict-") as place:
        files = _features([e for roles in made for e in roles.values()], recordings, Path(place), workplace)
        found = []
        for model, roles in zip(models, made, strict=True):
            X = View(list(recordings), {role: [files[_identity(e)]] for role, e in roles.items()}, groups)
            found.append(model.probabilities(X, devices[0]))
    if fusion is None:
        return np.asarray(found[0].mean(axis=0))
    branches = {branch: Predictions.read(paths.predictions(branch)) for branch in fusion.of}
    fitted = Fusion(name, fusion, branches)
    fused = [fitted.fitted(number)(same) for number, same in enumerate(zip(*found, strict=True))]
    return np.asarray(np.mean(fused, axis=0))


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
