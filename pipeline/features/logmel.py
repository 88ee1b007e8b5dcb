"""Log-Mel spectrograms: `librosa.power_to_db(librosa.feature.melspectrogram(...))`, in torch."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.audio.samples import Signal, Wave
from pipeline.features.base import Extractor, Streams
from pipeline.features.mel_spectrum import mel_spectrum
from pipeline.features.spectrum import MelParams, decibel_pieces, to_decibels

if TYPE_CHECKING:
    from torch import Tensor


class LogMelParams(MelParams):
    """Params of the log-Mel spectrogram."""

    resize: int | None = Field(None, ge=1, le=65536, description="frames every utterance is resized to, bilinearly")


class LogMel(Extractor[LogMelParams]):
    """Log-Mel spectrogram in decibels, stream `values` (frames, n_mels)."""

    name = "logmel"
    version = "3"
    uses_torch = True
    Params = LogMelParams

    @property
    def frame_rate(self) -> float:
        """Frames per second; 0 when resized, as then it differs from utterance to utterance."""
        return 0.0 if self.params.resize else self.params.frame_rate

    @property
    def first_frame(self) -> float:
        """Where the first frame is centred (s); 0 when resized."""
        return 0.0 if self.params.resize else self.params.first_frame

    def frames(self, samples: int) -> int:
        """How many frames an utterance of so many samples has: `resize`, or see `spectrum`."""
        return self.params.resize or self.params.frames(samples)

    @property
    def dims(self) -> dict[str, int]:
        """Stream `values`, n_mels wide."""
        return {"values": self.params.n_mels}

    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """Log-Mel spectrograms (dB) of a ragged batch."""
        import torch

        mels = mel_spectrum(self.params, self.device)
        with torch.inference_mode():
            powers, counts = mels.together(waves)
            parts = to_decibels(powers, counts, self.params.top_db).split(counts) if waves else ()
            return [{"values": self._sized(part).cpu().numpy()} for part in parts]

    def extract_long(self, wave: Signal) -> Iterator[Streams]:
        """Log-Mel spectrogram (dB) of a long utterance, computed twice: for its maximum, and to be given."""
        params, mels = self.params, mel_spectrum(self.params, self.device)
        pieces: Iterable[Tensor] = decibel_pieces(lambda: mels.pieces(wave), params.top_db)
        if params.resize:
            pieces = [_resized(pieces, params.frames(len(wave)), params.resize)]
        for piece in pieces:
            yield {"values": piece.cpu().numpy()}

    def _sized(self, values: "Tensor") -> "Tensor":
        """Frames, as many as `resize` asks for."""
        if not self.params.resize:
            return values
        from torch.nn.functional import interpolate

        size = (self.params.resize, self.params.n_mels)
        return interpolate(values[None, None], size, mode="bilinear", align_corners=False)[0, 0]


def _resized(pieces: "Iterable[Tensor]", frames: int, size: int) -> "Tensor":
    """What `interpolate` makes of pieces of so many frames together, (frames, n_mels): (size, n_mels).

    Only the two frames beside each place are kept.
    """
    import torch

    half = np.float32(0.5)  # places are of single precision, as there
    places = np.maximum((np.arange(size, dtype=np.float32) + half) * np.float32(frames / size) - half, 0)
    before = np.minimum(places.astype(np.int64), frames - 1)
    after = np.minimum(before + 1, frames - 1)
    kept = np.union1d(before, after)
    rows = torch.cat(list(_chosen(pieces, kept)))
    low, high = (rows[np.searchsorted(kept, beside)] for beside in (before, after))
    weights = torch.from_numpy(places - before.astype(np.float32)).to(rows.device)
    return torch.lerp(low, high, weights[:, None])


def _chosen(pieces: "Iterable[Tensor]", numbers: NDArray[np.int64]) -> "Iterator[Tensor]":
    """Of pieces one after another, the frames of these ascending numbers."""
    first = 0
    for piece in pieces:
        start, stop = np.searchsorted(numbers, (first, first + len(piece)))
        yield piece[numbers[start:stop] - first]
        first += len(piece)
