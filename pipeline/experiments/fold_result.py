"""What training one fold gives, as a typed object and as the arrays of a journal's piece; and what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.storage.journal import Piece

Indices = NDArray[np.int64]
Probabilities = NDArray[np.float64]

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
        seconds: time per epoch (s); NaN without epochs.
        operations: floating-point operations per second of speech; NaN where they were not counted.
    """

    parts: Mapping[str, Predicted]
    classes: Indices
    curve: NDArray[np.float64]
    model: bytes
    parameters: int
    seconds: float
    operations: float

    def to_arrays(self) -> Piece:
        """All of it, exactly, as named arrays."""
        arrays: dict[str, NDArray[Any]] = {
            "classes": self.classes,
            "curve": self.curve,
            "model": np.frombuffer(self.model, np.uint8),
            "parameters": np.array(self.parameters),
            "seconds": np.array(self.seconds),
            "operations": np.array(self.operations),
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
            seconds=float(arrays["seconds"]),
            operations=float(arrays["operations"]),
        )


@dataclass(frozen=True)
class Cost:
    """What a system costs: to be said, and never written into an output, as times differ from run to run.

    Attributes:
        parameters: of one model.
        operations: floating-point operations per second of speech; NaN where they were not counted.
        seconds: time per epoch (s), the mean over folds; NaN without epochs.
    """

    parameters: int
    operations: float
    seconds: float

    @classmethod
    def of(cls, results: Sequence[FoldResult]) -> "Cost":
        """Of all folds; the first one's operations are counted."""
        seconds = float(np.mean([result.seconds for result in results]))
        return cls(results[-1].parameters, results[0].operations, seconds)

    def __str__(self) -> str:
        figures = [f"{self.parameters:,} trained parameters"]
        if np.isfinite(self.operations):
            unit, name = (1e9, "GFLOP") if self.operations >= 1e9 else (1e6, "MFLOP")
            figures.append(f"{self.operations / unit:.3g} {name} per second of speech")
        if np.isfinite(self.seconds):
            figures.append(f"{self.seconds:.3g} s per epoch")
        return ", ".join(figures)
