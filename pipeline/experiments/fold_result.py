"""What training one fold gives, as a typed object and as the arrays of a journal's piece."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.storage.journal import Piece

Indices = NDArray[np.int64]
Probabilities = NDArray[np.float64]

VARIANT = "variant/"
CHOICE = "choice/"

PARTS = ("test", "validation", "training")


@dataclass(frozen=True)
class Predicted:
    """Probabilities (n, C) of all the experiment's classes, for rows (n,) of the experiment."""

    rows: Indices
    probabilities: Probabilities

    @classmethod
    def joined(cls, pieces: Sequence["Predicted"], classes: int) -> "Predicted":
        """Several, one after the other; there may be none."""
        nothing = cls(np.zeros(0, np.int64), np.zeros((0, classes)))
        rows, probabilities = zip(*((each.rows, each.probabilities) for each in (nothing, *pieces)), strict=True)
        return cls(np.concatenate(rows), np.concatenate(probabilities))


@dataclass(frozen=True)
class FoldResult:
    """One fold, trained and predicted.

    Attributes:
        parts: test and validation by the fold's model, and training by those of the inner folds.
        classes: numbers of the classes that the model was trained on (k,), ascending.
        curve: a row of `CURVE` for each epoch (epochs, 5); NaN where there is no figure.
        model: the model's file.
        parameters: how many were trained.
        frozen: how many the model has that stayed as they were pretrained.
        seconds: time per epoch (s); NaN without epochs.
        operations: floating-point operations per second of speech; NaN where they were not counted.
        variants: layer -> probabilities (n, C) of the test part by it, where each layer was tried.
        chosen: the layer of the model, then.
        choices: what the model chose or learned that is written by fold.
    """

    parts: Mapping[str, Predicted]
    classes: Indices
    curve: NDArray[np.float64]
    model: bytes
    parameters: int
    frozen: int
    seconds: float
    operations: float
    variants: Mapping[str, Probabilities] = field(default_factory=dict)
    chosen: str = ""
    choices: Mapping[str, float] = field(default_factory=dict)

    def to_arrays(self) -> Piece:
        """All of it, exactly, as named arrays."""
        arrays: dict[str, NDArray[Any]] = {
            "classes": self.classes,
            "curve": self.curve,
            "model": np.frombuffer(self.model, np.uint8),
            "parameters": np.array(self.parameters),
            "frozen": np.array(self.frozen),
            "seconds": np.array(self.seconds),
            "operations": np.array(self.operations),
            "chosen": np.frombuffer(self.chosen.encode(), np.uint8),
            **{f"{CHOICE}{name}": np.array(value, np.float64) for name, value in self.choices.items()},
            **{f"{VARIANT}{name}": values for name, values in self.variants.items()},
        }
        for name, part in self.parts.items():
            arrays[f"{name}/rows"], arrays[f"{name}/probabilities"] = part.rows, part.probabilities
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Piece) -> "FoldResult":
        """What `to_arrays` made arrays of."""
        return cls(
            parts={name: Predicted(arrays[f"{name}/rows"], arrays[f"{name}/probabilities"]) for name in PARTS},
            classes=arrays["classes"],
            curve=arrays["curve"],
            model=arrays["model"].tobytes(),
            parameters=int(arrays["parameters"]),
            frozen=int(arrays["frozen"]),
            seconds=float(arrays["seconds"]),
            operations=float(arrays["operations"]),
            variants={name.removeprefix(VARIANT): a for name, a in arrays.items() if name.startswith(VARIANT)},
            chosen=arrays["chosen"].tobytes().decode(),
            choices={name.removeprefix(CHOICE): float(a) for name, a in arrays.items() if name.startswith(CHOICE)},
        )
