"""A trained model of numbers in Python, as valence and arousal; see `loaded.py`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.voice_activity import LEAST_VOICED
from pipeline.serving.backbones import Backbones
from pipeline.serving.loaded import Loaded, Recording
from pipeline.serving.value_model import ValueModel
from pipeline.serving.windows import Windows


@dataclass(frozen=True, eq=False)
class ValueSegment:
    """What a window of a recording sounds like, in numbers.

    Attributes:
        start: where it begins (s).
        end: where it ends (s).
        values: target -> number, on the scale that was trained on; NaN where nobody speaks, as it is not computed.
        voiced: share of the window that has voice, 0 to 1; nobody speaks below `LEAST_VOICED`.
    """

    start: float
    end: float
    values: Mapping[str, float]
    voiced: float = 1.0

    @property
    def is_silent(self) -> bool:
        """Whether nobody speaks, so that nothing was computed."""
        return self.voiced < LEAST_VOICED


class LoadedRegressor(Loaded[ValueModel]):
    """A trained experiment that tells numbers; `load_model` makes one.

    Attributes:
        targets: the numbers' names.
    """

    def __init__(self, source: ValueModel, backbones: Backbones, device: str | None = None) -> None:
        super().__init__(source, backbones, device)
        self.targets = source.columns

    def predict(self, recording: Recording, sampling_rate: int | None = None) -> dict[str, float]:
        """Target -> number of a recording: the mean over the models, as `ser predict` gives.

        Args:
            recording: a file, or samples: floats in [-1, 1], int16 or int32, mono (n,), (channels, n) or (n, channels).
            sampling_rate: of samples (Hz), 4 to 768 kHz; a file says its own.

        Raises:
            UserError: the recording cannot be read, or is longer than ten minutes; or a file of the model is damaged,
                or it standardises by statistics of several recordings.
            DataError: the samples, or their rate, are none.
        """
        return self._named(self.of_whole(recording, sampling_rate))

    def predict_segments(
        self,
        recording: Recording,
        sampling_rate: int | None = None,
        *,
        window: float = 3.0,
        hop: float = 1.0,
        voice_activity: str = "energy",
    ) -> Iterator[ValueSegment]:
        """Numbers over time; windows, args and errors as of `LoadedModel.predict_segments`."""
        of_windows = self.of_windows(recording, sampling_rate, Windows(window, hop, voice_activity))
        return (ValueSegment(clip.start, clip.end, self._named(row), clip.voiced) for clip, row in of_windows)

    def _named(self, row: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(self.targets, row.tolist(), strict=True))
