"""All that is shown of a recording: what a model says, over time, what its branches say, and how far to trust it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.fusions import FusionParams
from pipeline.experiments.combiner import Combiner
from pipeline.experiments.fused_model import FittedFusion
from pipeline.serving.answers import Answer
from pipeline.serving.export_card import ExportCard
from pipeline.serving.export_reading import read_export
from pipeline.serving.loaded import Explanation, LoadedModel, Recording, Segment
from pipeline.serving.model_page import MISUSES, USES
from pipeline.serving.models import FusedModel
from pipeline.serving.windows import Windows

WINDOWS = Windows(3.0, 1.0)
"""of emotion over time"""

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Branch:
    """What a fusion took from one of its branches.

    Attributes:
        name: an experiment's, or that of a fusion below.
        system: what it is.
        fusion: the fusion that it is a branch of.
        emotion: the likeliest class.
        probabilities: of all classes, (classes,): the mean over folds.
        weight: its share in the fusion, 0 to 1; None where the method has no such thing.
        weighing: in words, what the share is, or what the method does instead.
    """

    name: str
    system: str
    fusion: str
    emotion: str
    probabilities: Probabilities
    weight: float | None
    weighing: str


@dataclass(frozen=True, eq=False)
class Analysis:
    """What a model says of a recording.

    Attributes:
        name: the model's.
        classes: the emotions, in the order of probabilities.
        seconds: length of the recording.
        emotion: the likeliest class.
        probabilities: of all classes, (classes,), as `LoadedModel.predict_proba` gives.
        entropy: of the probabilities (bits).
        segments: of windows, one after another; none where the recording is not longer than one.
        branches: of a fusion, and then of the fusions below it; none of an experiment.
        card: what the model was trained on, and what its scores are worth.
    """

    name: str
    classes: list[str]
    seconds: float
    emotion: str
    probabilities: Probabilities
    entropy: float
    segments: list[Segment]
    branches: list[Branch]
    card: ExportCard


def analyse(
    model: LoadedModel, recording: Recording, sampling_rate: int | None = None, windows: Windows | None = WINDOWS
) -> Analysis:
    """Ask a model all about a recording.

    Args:
        model: of an export.
        recording: a file or samples, as of `LoadedModel.predict_proba`.
        sampling_rate: of samples (Hz); a file says its own.
        windows: of emotion over time; None for none.

    Raises:
        UserError: as `LoadedModel.predict_proba`; or the model's `model.json` cannot be read.
    """
    card = read_export(model.source.folder)
    known = model.explain(recording, sampling_rate)
    answer = _answer(model.classes, known.probabilities)
    segments: list[Segment] = []
    if windows is not None and known.seconds > windows.window:
        size, hop = windows.window, windows.hop
        segments = [*model.predict_segments(recording, sampling_rate, window=size, hop=hop)]
    return Analysis(
        model.name,
        model.classes,
        known.seconds,
        answer.emotion,
        known.probabilities,
        answer.entropy,
        segments,
        [*_branches(model, known)],
        card,
    )


def _answer(classes: Sequence[str], probabilities: Probabilities) -> Answer:
    return Answer("", classes[int(probabilities.argmax())], probabilities)


def _branches(model: LoadedModel, known: Explanation) -> Iterator[Branch]:
    """Those of the whole first, and then those of each fusion below."""
    source = model.source
    if not isinstance(source, FusedModel):
        return
    for name in reversed([*source.fusions]):
        fusion = source.fusions[name]
        weights, weighing = _weights(fusion, known.parts)
        for branch, weight in zip(fusion.card.params.of, weights, strict=True):
            probabilities = known.parts[branch].mean(axis=0)
            emotion = model.classes[int(probabilities.argmax())]
            yield Branch(branch, _system(source, branch), fusion.card.name, emotion, probabilities, weight, weighing)


def _system(source: FusedModel, branch: str) -> str:
    part = source.models.get(branch) or source.fusions[branch]
    return part.card.system


def _weights(fusion: FittedFusion, parts: Mapping[str, Probabilities]) -> tuple[list[float | None], str]:
    """Each branch's share, the mean over folds, and what it is in words."""
    names = fusion.card.params.of
    members = zip(*(parts[name] for name in names), strict=True)
    folds = [_shares(combine, [row[None] for row in rows]) for combine, rows in zip(fusion.folds, members, strict=True)]
    weighing = _weighing(fusion.card.params, bool(folds[0].size))
    if not folds[0].size:
        return [None] * len(names), weighing
    return [float(share) for share in np.mean(folds, axis=0)], weighing


def _shares(combine: Combiner, branches: Sequence[Probabilities]) -> Probabilities:
    """Weights (N,) that sum to 1; of coefficients (C, N, C), each branch's share in the sum of their sizes."""
    weights = combine.weights(branches)
    if weights.ndim == 1:
        return weights
    sizes = np.nansum(np.abs(weights), axis=(0, 2))
    return sizes / total if (total := float(sizes.sum())) else np.full(len(sizes), 1 / len(sizes))


def _weighing(params: FusionParams, has_shares: bool) -> str:
    if params.method == "weighted_average":
        return "weight in the average, the same for all recordings"
    if params.method == "gated":
        return "weight that the gate chose for this recording"
    if has_shares:
        return "share of the coefficients' sizes"
    return f"{params.classifier} weighs the branches' probabilities together"


def as_json(analysis: Analysis) -> dict[str, Any]:
    """What the API answers, and what the page offers to download: numbers as they are, without rounding."""
    return {
        "model": analysis.name,
        "seconds": analysis.seconds,
        "emotion": analysis.emotion,
        "entropy": analysis.entropy,
        "probabilities": _named(analysis.classes, analysis.probabilities),
        "segments": [_segment(segment, analysis.classes) for segment in analysis.segments],
        "branches": [_branch(branch, analysis.classes) for branch in analysis.branches],
        "card": facts(analysis.card),
    }


def facts(card: ExportCard) -> dict[str, Any]:
    """What a person should know of a model before relying on it."""
    known = card.model_dump(mode="json")
    keys = ("name", "system", "models", "count", "classes", "corpora", "utterances", "speakers", "scores")
    return {
        **{key: known[key] for key in keys},
        "confidence": card.confidence,
        "marks": card.marks,
        "intended_use": USES,
        "not_for": MISUSES,
    }


def _named(classes: Sequence[str], probabilities: Probabilities) -> dict[str, float]:
    return dict(zip(classes, probabilities.tolist(), strict=True))


def _segment(segment: Segment, classes: Sequence[str]) -> dict[str, Any]:
    return {
        "start": segment.start,
        "end": segment.end,
        "emotion": segment.emotion or None,
        "voiced": segment.voiced,
        "probabilities": None if segment.is_silent else _named(classes, segment.probabilities),
    }


def _branch(branch: Branch, classes: Sequence[str]) -> dict[str, Any]:
    return {
        "name": branch.name,
        "system": branch.system,
        "fusion": branch.fusion,
        "emotion": branch.emotion,
        "weight": branch.weight,
        "weighing": branch.weighing,
        "probabilities": _named(classes, branch.probabilities),
    }
