"""What a system costs: parameters and operations, its own and those of the pretrained model that it builds on."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from pipeline.experiments.fold_result import FoldResult
from pipeline.storage.header import PRETRAINED_OPERATIONS, PRETRAINED_PARAMETERS, Header
from pipeline.storage.identity import canonical_json

UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
"""of operations, the largest first"""


@dataclass(frozen=True)
class Cost:
    """What one network or fitted model of a system costs; a multiplication and an addition are two operations.

    Trained and pretrained figures add up to the whole, from the waveform to the probabilities, but for features without
    a model. A block that is trained from pretrained weights is a trained one. A network that holds the pretrained model
    itself (`wav2vec_end_to_end`) has all of its operations among its own.

    Attributes:
        parameters: trained.
        pretrained_parameters: of the models that made the features, up to the last layer that the file has, and of what
            a network holds frozen; 0 without any, NaN where a feature file does not say.
        operations: of the system, per second of speech, on the utterance of median length; NaN where not counted.
        pretrained_operations: likewise of the models that made the features, on the files' median utterance.
        features: of each model that made features: its weights' digest, that of the features' params, its parameters
            and operations; so that a fusion counts what its branches share once.
        seconds: time per epoch, the mean over folds; NaN without epochs. It differs from run to run: to be said, and
            never written.
    """

    parameters: int
    pretrained_parameters: float
    operations: float
    pretrained_operations: float
    features: Sequence[Mapping[str, Any]]
    seconds: float

    @classmethod
    def of(cls, results: Sequence[FoldResult], headers: Iterable[Header]) -> "Cost":
        """Of all folds, with features of these files; the first fold's operations are counted."""
        models = {_digest(header): header for header in headers if header.notes.get("weights")}
        by_weights = {header.notes["weights"]: header for header in models.values()}.values()
        return cls(
            parameters=results[-1].parameters,
            pretrained_parameters=results[-1].frozen + _sum_of(PRETRAINED_PARAMETERS, by_weights),
            operations=results[0].operations,
            pretrained_operations=_sum_of(PRETRAINED_OPERATIONS, models.values()),
            features=[_feature(digest, header) for digest, header in models.items()],
            seconds=float(np.mean([result.seconds for result in results])),
        )

    def card(self) -> dict[str, Any]:
        """What is the same in every run, as JSON has it: null for what is not known."""
        pretrained = _finite(self.pretrained_parameters)
        return {
            "parameters": self.parameters,
            "pretrained_parameters": None if pretrained is None else int(pretrained),
            "operations": _finite(self.operations),
            "pretrained_operations": _finite(self.pretrained_operations),
            "features": [*self.features],
        }

    def __str__(self) -> str:
        figures = [f"{self.parameters:,} trained parameters", *_operations(self.operations)]
        if math.isfinite(self.seconds):
            figures.append(f"{self.seconds:.3g} s per epoch")
        said = ", ".join(figures)
        if math.isfinite(self.pretrained_parameters) and self.pretrained_parameters:
            pretrained = [f"{self.pretrained_parameters:,.0f} parameters", *_operations(self.pretrained_operations)]
            said += f"; pretrained: {', '.join(pretrained)}"
        return said


def _digest(header: Header) -> str:
    """Of the features' params and weights: features of one digest are computed once."""
    about = canonical_json({"params": dict(header.params), "weights": header.notes["weights"]})
    return sha256(about.encode()).hexdigest()[:16]


def _feature(digest: str, header: Header) -> dict[str, Any]:
    parameters = _finite(_sum_of(PRETRAINED_PARAMETERS, [header]))
    return {
        "digest": digest,
        "weights": header.notes["weights"],
        "parameters": None if parameters is None else int(parameters),
        "operations": _finite(_sum_of(PRETRAINED_OPERATIONS, [header])),
    }


def _sum_of(note: str, models: Iterable[Header]) -> float:
    """What the files say of their models; NaN if one does not, as files of older programs."""
    return sum((float(header.notes.get(note, "nan")) for header in models), 0.0)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _operations(count: float) -> list[str]:
    """How many per second, in the unit that suits; nothing when there are none or they are not known."""
    if not math.isfinite(count) or not count:
        return []
    unit, prefix = next(((unit, prefix) for unit, prefix in UNITS if count >= unit), UNITS[-1])
    return [f"{count / unit:.3g} {prefix}FLOP per second of speech"]
