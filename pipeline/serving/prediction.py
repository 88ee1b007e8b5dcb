"""Emotions or numbers of new recordings, by trained models: the mean over what the folds give."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pipeline.audio.segments import Source
from pipeline.extraction.recipe import extract_recordings
from pipeline.features.base import Extractor
from pipeline.jobs.devices import device_names, torch_devices
from pipeline.jobs.workplace import Workplace
from pipeline.serving.backbones import ONLY_HERE, Backbones
from pipeline.serving.own_statistics import check_enough, groups_of
from pipeline.serving.trained_model import Outputs, check_backbone_place
from pipeline.serving.value_model import AnyModel
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.identity import canonical_json
from pipeline.systems.normalisation import own_statistics
from pipeline.systems.view import View


def predict(
    source: AnyModel,
    recordings: Mapping[str, Source],
    speakers: Mapping[str, str],
    device: str | None = None,
    workers: int | None = None,
    backbones: Backbones = ONLY_HERE,
) -> Outputs:
    """Class probabilities (N, classes), or numbers (N, targets), of recordings (key -> file), the mean over folds.

    Each recording is computed by itself, as sums of a batch are rounded otherwise: its numbers are the same to
    the last bit whatever else is asked about, but for models that standardise by statistics of several recordings.

    Args:
        source: what `opened_model` gives.
        recordings: key -> file, or segment of one.
        speakers: key -> speaker, for models that standardise each speaker; who is not there is unknown.
        device: torch device; default `SER_DEVICE`, or a GPU where there is one.
        workers: worker processes.
        backbones: where self-supervised models may be taken from.

    Raises:
        ParamsError: the place of a self-supervised model is given, and no model takes one.
        UserError: a recording cannot be decoded, a model does not fit the program, or recordings are too few for one
            that standardises by their own statistics.
    """
    models = source.leaves()
    check_backbone_place(models, backbones)
    torch = any(model.uses_torch for model in models)
    devices = torch_devices(device) if torch or device else ["cpu"]
    # Not on a cluster, whose workers do not see this machine's temporary files.
    workplace = Workplace(workers, "", tuple(device_names(device)) if device else ())
    extractors = [model.extractors(workplace, backbones) for model in models]
    groups = groups_of(recordings, speakers)
    check_enough(models, groups)
    leaves: dict[Path, Outputs] = {}
    with TemporaryDirectory(prefix="ser-predict-") as folder:
        every = [extractor for roles in extractors for extractor in roles.values()]
        files = _features(every, recordings, Path(folder), workplace)
        for model, roles in zip(models, extractors, strict=True):
            X = View(list(recordings), {role: [files[feature_identity(e)]] for role, e in roles.items()}, groups)
            together = bool(own_statistics(model.card.params))
            leaves[model.folder] = model.outputs(X, devices[0], backbones, together)
    return np.concatenate([_combined(source, leaves, i) for i in range(len(recordings))])


def _combined(source: AnyModel, leaves: Mapping[Path, Outputs], i: int) -> Outputs:
    """The mean over folds of the numbers (1, columns) of one recording, from those of the models below."""
    own = {folder: numbers[:, i : i + 1] for folder, numbers in leaves.items()}
    return np.asarray(source.combined(own).mean(axis=0))


def feature_identity(extractor: Extractor[Any]) -> str:
    """What two models have in common that read the same features."""
    return f"{extractor.name} {canonical_json(extractor.params.model_dump(mode='json'))}"


def _features(
    extractors: Sequence[Extractor[Any]], recordings: Mapping[str, Source], folder: Path, workplace: Workplace
) -> dict[str, FeatureFile]:
    """Feature files by what they hold; what two models share is computed once."""
    distinct = {feature_identity(extractor): extractor for extractor in extractors}
    for extractor in distinct.values():
        extractor.batch_seconds = 0  # one recording a batch
    files = {name: folder / f"features_{number}.h5" for number, name in enumerate(distinct)}
    extract_recordings({files[name]: each for name, each in distinct.items()}, recordings, "recordings", workplace)
    return {name: FeatureFile(path) for name, path in files.items()}
