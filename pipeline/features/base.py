"""What every feature extractor is: a name, a version, a params class, and `extract` over a ragged batch."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.audio.samples import Signal, Wave
from pipeline.strict import Strict

Streams = dict[str, NDArray[np.generic]]
"""The features of one utterance: stream name -> array of shape (frames, dims)."""


LONGEST = 3600
"""what `clip` and `pad_to` can be (s)"""


class FeatureParams(Strict):
    """Params every extractor has. Subclass it, and give each field a default and a description with its unit."""

    sample_rate: Literal[16000, 48000] = Field(16000, description="rate of the audio read (Hz)")
    clip: float | None = Field(None, gt=0, le=LONGEST, description="longer utterances are cut to this length (s)")
    pad_to: float | None = Field(
        None, gt=0, le=LONGEST, description="shorter utterances are extended to this length (s)"
    )
    pad: Literal["zero", "repeat"] = Field("zero", description="extend with zeros, or with copies of the utterance")


P = TypeVar("P", bound=FeatureParams)


class Extractor(ABC, Generic[P]):
    """A feature extractor.

    Subclasses set `name`, `version` (raise it whenever the values change: cached rows are recognised by it) and
    `Params`. A module of this folder with one is all that a new feature takes: it is found by its literal `name`.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    Params: ClassVar[type[FeatureParams]]

    licence: ClassVar[str] = ""
    """Terms on the use of the values, where a package that computes them has some; feature files say them."""

    batch_seconds: float = 60.0
    """Target length of one batch (s of audio); the plan of batches is fixed before a run."""

    may_be_nan: bool = False
    """Whether values may be undefined; otherwise one that is not finite stops the run."""

    uses_torch: bool = False
    """Whether it computes with torch on the CPU, which is then kept to one thread."""

    uses_device: bool = False
    """Whether it runs a model on `device`: one process a device, with all its threads."""

    sort_by_length: bool = False
    """Whether batches are made of utterances of near-equal length (for extractors that pad)."""

    def __init__(self, params: P, device: str = "cpu") -> None:
        self.params = params
        self.device = device

    @property
    def full_version(self) -> str:
        """`version`, and that of a package whose values they are; cached rows are recognised by both."""
        return self.version

    def check_installed(self) -> None:
        """Nothing, or an error where it needs a package that is not a dependency.

        Raises:
            UserError: that package is not installed.
        """
        return

    def recall(self, memory: Path) -> bool:
        """Take from a file what `keep` wrote there, so that only computing loads a model.

        Returns:
            Whether all that `extract` does not need is known without a model: always where there is none.

        Raises:
            UserError: the model cannot be had.
        """
        return not self.uses_device

    def keep(self, memory: Path) -> None:
        """Write what is known of a model to a file, for `recall`."""

    @property
    @abstractmethod
    def frame_rate(self) -> float:
        """Frames per second; 0 when the features are one row per utterance."""

    @property
    def first_frame(self) -> float:
        """Where the first frame is centred (s); see `alignment.frame_times`."""
        return 0.0

    def frames(self, samples: int) -> int | None:
        """How many frames an utterance of so many samples has, as `extract` gets it; None when there is no rule.

        Every utterance's frames are checked by it before they are written.
        """
        return None

    @property
    @abstractmethod
    def dims(self) -> dict[str, int]:
        """Stream name -> number of dimensions."""

    @property
    def dtypes(self) -> dict[str, np.dtype[Any]]:
        """Stream name -> dtype in the feature file."""
        return dict.fromkeys(self.dims, np.dtype(np.float32))

    @property
    def weights_digest(self) -> str:
        """Hex SHA-256 of pretrained weights the values depend on; "" when there are none."""
        return ""

    @property
    def pretrained_parameters(self) -> int:
        """Number of parameters of a pretrained model, as far as it is run; 0 when there is none."""
        return 0

    def pretrained_operations(self, samples: int) -> int:
        """Floating-point operations of the pretrained model on an utterance of so many samples, as `extract` gets it.

        A multiplication and an addition are two.
        """
        return 0

    @abstractmethod
    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """Features of a ragged batch of utterances at `params.sample_rate`, in the order given.

        The result of an utterance must not depend on what else is in the batch (beyond float rounding).
        """

    def extract_long(self, wave: Signal) -> Iterator[Streams]:
        """Yield the features of an utterance of more than ten minutes at 16 kHz, some frames at a time, in order.

        Neither the utterance nor its features need be in memory: an extractor that works in pieces overrides this. Its
        values may differ by rounding from those of `extract`.
        """
        yield self.extract([wave[: len(wave)]])[0]
