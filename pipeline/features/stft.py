"""Plain spectrograms: `librosa.power_to_db` of the magnitudes of `librosa.stft`, batched in torch."""

from collections.abc import Iterator, Sequence

from pipeline.audio.samples import Signal, Wave
from pipeline.features.base import Streams
from pipeline.features.spectrum import (
    FramedExtractor,
    SpectrumParams,
    decibel_pieces,
    spectrum,
    spectrum_pieces,
    to_decibels,
)


class STFT(FramedExtractor[SpectrumParams]):
    """Spectrogram in decibels, stream `values` (frames, 1 + n_fft / 2): bands of sample_rate / n_fft Hz, from 0 Hz."""

    name = "stft"
    version = "2"
    uses_torch = True
    Params = SpectrumParams

    @property
    def dims(self) -> dict[str, int]:
        """Stream `values`, 1 + n_fft / 2 wide."""
        return {"values": 1 + self.params.n_fft // 2}

    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """Spectrograms (dB) of a ragged batch."""
        magnitude, counts = spectrum(waves, self.params, self.device)
        return [
            {"values": part.cpu().numpy()} for part in to_decibels(magnitude, counts, self.params.top_db).split(counts)
        ]

    def extract_long(self, wave: Signal) -> Iterator[Streams]:
        """Spectrogram (dB) of a long utterance, computed twice: for its maximum, and to be given."""
        for piece in decibel_pieces(lambda: spectrum_pieces(wave, self.params, self.device), self.params.top_db):
            yield {"values": piece.cpu().numpy()}
