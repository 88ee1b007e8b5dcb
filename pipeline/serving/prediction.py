"""Emotions of new recordings, by trained models: the mean over the folds' probabilities."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pipeline.errors import ParamsError
from pipeline.extraction.recipe import extract_recordings
from pipeline.features.base import Extractor
from pipeline.jobs.devices import device_names, torch_devices
from pipeline.jobs.workplace import Workplace
from pipeline.serving.backbones import ONLY_HERE, Backbones
from pipeline.serving.models import FusedModel, Model, Probabilities
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.identity import canonical_json
from pipeline.systems.view import View


def predict(
    source: Model | FusedModel,
    recordings: Mapping[str, Path],
    speakers: Mapping[str, str],
    device: str | None = None,
    workers: int | None = None,
    backbones: Backbones = ONLY_HERE,
) -> Probabilities:
    """Class probabilities (N, classes) of recordings (key -> file), the mean over folds.

    Args:
        source: what `find_models` gives.
        recordings: key -> file.
        speakers: key -> speaker, for models that standardise each speaker; who is not there is unknown.
        device: torch device; default `SER_DEVICE`, or a GPU where there is one.
        workers: worker processes.
        backbones: where self-supervised models may be taken from.

    Raises:
        ParamsError: the place of a self-supervised model is given, and no model takes one.
        UserError: a recording cannot be decoded, or a model does not fit the program.
    """
    models = source.leaves()
    if backbones.path is not None and not any(model.wants_backbone for model in models):
        raise ParamsError(f"--ssl-model {backbones.path}: the models take none; leave it out")
    torch = any("epochs" in model.card.params or "ssl" in model.card.features for model in models)
    devices = torch_devices(device) if torch or device else ["cpu"]
    # Not on a cluster, whose workers do not see this machine's temporary files.
    workplace = Workplace(workers, "", tuple(device_names(device)) if device else ())
    extractors = [model.extractors(workplace, backbones) for model in models]
    groups = {"speaker": {key: speakers.get(key, "") for key in recordings}, "corpus": dict.fromkeys(recordings, "-")}
    leaves: dict[Path, Probabilities] = {}
    with TemporaryDirectory(prefix="ser-predict-") as folder:
        every = [extractor for roles in extractors for extractor in roles.values()]
        files = _features(every, recordings, Path(folder), workplace)
        for model, roles in zip(models, extractors, strict=True):
            X = View(list(recordings), {role: [files[_identity(e)]] for role, e in roles.items()}, groups)
            leaves[model.folder] = model.probabilities(X, devices[0], backbones)
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
