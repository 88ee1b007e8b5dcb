"""The modules of trained models put together: one network from the waveform to the probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.extraction.computation import streams_of
from pipeline.features.base import Extractor
from pipeline.features.length import fitted_length
from pipeline.jobs.workplace import Workplace
from pipeline.serving.backbones import Backbones
from pipeline.serving.models import TOP, FusedModel, Model
from pipeline.serving.onnx.exportable import LONGEST
from pipeline.serving.onnx.fused import FusedFolds
from pipeline.serving.onnx.heads import Folds, Linear, Networks
from pipeline.serving.onnx.spectra import MFCC, STFT, LogMel, Streams
from pipeline.serving.onnx.states import States
from pipeline.serving.onnx.waveform import Fitted, Rounded
from pipeline.serving.own_statistics import groups_of
from pipeline.serving.prediction import feature_identity
from pipeline.storage.source import Arrays
from pipeline.systems.view import View

HOP = 160
"""samples of a token, at least, of what reads the waveform itself"""


@dataclass(frozen=True)
class Experiment:
    """An experiment's models, their extractors by role, and their trained systems."""

    model: Model
    extractors: Mapping[str, Extractor[Any]]
    backbones: Backbones

    @classmethod
    def of(cls, model: Model, backbones: Backbones) -> "Experiment":
        """That of trained models.

        Raises:
            UserError: they do not fit the program, or their self-supervised model is not here.
        """
        return cls(model, model.extractors(Workplace(1, "", ("cpu",)), backbones), backbones)

    @property
    def rate(self) -> int:
        """Of the waveform (Hz)."""
        return int(next(iter(self.extractors.values())).params.sample_rate)

    def view(self) -> View:
        """Features of a second of noise, which tell the systems what they will be given."""
        samples = np.random.default_rng(0).integers(-3000, 3000, self.rate, np.int16)
        sources = {role: [_arrays(extractor, samples)] for role, extractor in self.extractors.items()}
        return View(["0"], sources, groups_of(["0"], {}))

    def module(self) -> Folds:
        """The models of all folds.

        Raises:
            UserError: a file of theirs is missing or damaged.
        """
        X, card, folds = self.view(), self.model.card, []
        for number in range(len(card.folds)):
            system = self.model.trained(number, X, "cpu", self.backbones)
            folds.append(Networks(system, X, self._frames()) if self.model.has_networks else Linear(system, X))
        return Folds(folds, card.classes, card.folds)

    def _frames(self) -> int:
        """The most frames that a feature has."""
        most = round(LONGEST * self.rate)
        return max(_frames(extractor, fitted_length(most, extractor.params)) for extractor in self.extractors.values())


def _arrays(extractor: Extractor[Any], samples: Any) -> Arrays:
    (streams,) = streams_of(extractor, {"0": samples})
    rows = {name: [values] for name, values in streams.items()}
    params = extractor.params.model_dump(mode="json")
    return Arrays(rows, ["0"], extractor.name, params, extractor.frame_rate, extractor.name)


def _frames(extractor: Extractor[Any], samples: int) -> int:
    return samples // HOP if extractor.name == "waveform" else extractor.frames(samples) or 0


class Samples(nn.Module):
    """The features of `pipeline.features.waveform`."""

    def forward(self, wave: Tensor) -> Streams:
        """(1, n) -> `values` (1, n, 1), 16-bit samples."""
        return {"values": (wave * 32768)[..., None]}


def _module(extractor: Any) -> nn.Module:
    params = extractor.params
    made = {"logmel": LogMel, "mfcc": MFCC, "stft": STFT}
    if extractor.name in made:
        module: nn.Module = made[extractor.name](params)
        return module
    return States(extractor) if extractor.name == "ssl" else Samples()


class Emotions(nn.Module):
    """Waveform -> features, each once -> models of each fold -> fusions of each -> the mean over folds."""

    def __init__(self, source: Model | FusedModel, experiments: Sequence[Experiment]) -> None:
        super().__init__()
        every = [extractor for each in experiments for extractor in each.extractors.values()]
        distinct = {feature_identity(extractor): extractor for extractor in every}
        self.rounded = Rounded()
        self.fitted = nn.ModuleList(Fitted(extractor.params) for extractor in distinct.values())
        self.features = nn.ModuleList(_module(extractor) for extractor in distinct.values())
        self.experiments = nn.ModuleList(each.module() for each in experiments)
        numbers = {name: number for number, name in enumerate(distinct)}
        self.roles = [
            {role: numbers[feature_identity(extractor)] for role, extractor in each.extractors.items()}
            for each in experiments
        ]
        self.names, self.branches = _structure(source)
        fusions = [*source.fusions.values()] if isinstance(source, FusedModel) else []
        self.fusions = nn.ModuleList(FusedFolds(each.folds, len(each.card.classes)) for each in fusions)

    def forward(self, wave: Tensor) -> Tensor:
        """Probabilities (1, classes), float32, of samples (1, n) in [-1, 1]."""
        wave = self.rounded(wave)
        streams = [feature(fit(wave)) for fit, feature in zip(self.fitted, self.features, strict=True)]
        known: dict[str, Tensor] = {}
        for name, folds, roles in zip(self.names, self.experiments, self.roles, strict=True):
            known[name] = folds({role: streams[number] for role, number in roles.items()})
        for (name, of), fusion in zip(self.branches.items(), self.fusions, strict=True):
            known[name] = fusion([known[branch] for branch in of])
        return known[TOP].mean(dim=0, keepdim=True).float()


def _structure(source: Model | FusedModel) -> tuple[list[str], dict[str, list[str]]]:
    """The names of the experiments, in the order of leaves, and the branches of each fusion; the whole is `TOP`."""
    if isinstance(source, Model):
        return [TOP], {}
    return [*source.models], {name: [*fusion.card.params.of] for name, fusion in source.fusions.items()}


def assembled(source: Model | FusedModel, backbones: Backbones) -> tuple[Emotions, int]:
    """The network of trained models, and the rate of the waveform that it takes (Hz).

    Raises:
        UserError: a file is missing or damaged, or the self-supervised model is not here.
    """
    experiments = [Experiment.of(model, backbones) for model in source.leaves()]
    with torch.inference_mode():
        return Emotions(source, experiments).eval().requires_grad_(False), experiments[0].rate
