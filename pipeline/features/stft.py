"""Plain spectrograms: `librosa.power_to_db` of the magnitudes of `librosa.stft`, batched in torch."""

from collections.abc import Sequence

from pipeline.features.base import Extractor, Streams, Wave
from pipeline.features.spectrum import SpectrumParams, spectrum, to_decibels


class STFT(Extractor[SpectrumParams]):
    """Spectrogram in decibels, stream `values` (frames, 1 + n_fft / 2): bands of sample_rate / n_fft Hz, from 0 Hz."""

    name = "stft"
    version = "1"
    uses_torch = True
    Params = SpectrumParams

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.params.frame_rate

    @property
    def first_frame(self) -> float:
        """Where the first frame is centred (s)."""
        return self.params.first_frame

    def frames(self, samples: int) -> int:
        """How many frames an utterance of so many samples has; see `spectrum`."""
        return self.params.frames(samples)

    @property
    def dims(self) -> dict[str, int]:
        """Stream `values`, 1 + n_fft / 2 wide."""
        return {"values": 1 + self.params.n_fft // 2}

    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """Spectrograms (dB) of a ragged batch."""
        magnitude, counts = spectrum(waves, self.params)
        return [{"values": part.numpy()} for part in to_decibels(magnitude, counts, self.params.top_db).split(counts)]
