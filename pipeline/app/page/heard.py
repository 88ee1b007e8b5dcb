"""The recording of a visitor: read once into memory, and shown without a file being kept."""

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.app.audible import audible
from pipeline.errors import UserError
from pipeline.serving.samples import opened_sound

RATE = 16000
"""of what is shown and played (Hz)"""
COLUMNS = 600
"""of the waveform, and at most of the spectrogram"""
FRAME = 400
"""samples of a frame of the spectrogram: 25 ms"""
HIGHEST = 5000
"""what the spectrogram shows (Hz), as Praat does"""
RANGE = 60.0
"""below the loudest of the spectrogram (dB) all is white"""
COMPRESSION = 0.9
"""libsndfile's level of MP3, from 0 (largest) to 1"""


@dataclass(frozen=True, eq=False)
class Heard:
    """A recording, whole.

    Attributes:
        name: what it is called.
        samples: mono, (n,), in [-1, 1].
        rate: sampling rate (Hz).
    """

    name: str
    samples: NDArray[np.float64]
    rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate

    @property
    def peak(self) -> float:
        """The largest sample (dBFS)."""
        return _decibels(float(np.abs(self.samples).max(initial=0)))

    @property
    def level(self) -> float:
        """Its root mean square (dBFS)."""
        return _decibels(float(np.sqrt(np.mean(self.samples**2))))


def heard(path: Path, longest: float) -> Heard:
    """Read a file of at most `longest` s.

    Raises:
        UserError: it cannot be read, or asked about (`audible`). It is called by its name alone, without its folder.
    """
    try:
        with opened_sound(path) as sound:
            samples = np.concatenate([np.zeros(0), *audible(sound, longest)])
            return Heard(path.name, samples, sound.rate)
    except UserError as error:
        raise UserError(str(error).replace(str(path), path.name)) from error


def _decibels(amplitude: float) -> float:
    return 20 * float(np.log10(max(amplitude, 1e-10)))


def at_sixteen_kilohertz(recording: Heard) -> NDArray[np.float64]:
    """Its samples (n,) at `RATE`."""
    import soxr

    if recording.rate == RATE:
        return recording.samples
    return np.asarray(soxr.resample(recording.samples, recording.rate, RATE))


def mp3(samples: NDArray[np.float64]) -> str:
    """Samples (n,) at `RATE` as a `data:` address that browsers play; some 5 kB a second."""
    import soundfile

    buffer = BytesIO()
    limited = np.clip(samples, -1, 1)
    soundfile.write(buffer, limited, RATE, "MPEG_LAYER_III", format="MP3", compression_level=COMPRESSION)
    return _address("audio/mpeg", buffer.getvalue())


def outline(samples: NDArray[np.float64]) -> str:
    """The waveform as the points of an SVG polygon in a box of `COLUMNS` by 2: its highest and lowest by column."""
    parts = np.array_split(samples / max(np.abs(samples).max(initial=0), 1e-10), min(COLUMNS, len(samples)))
    xs = np.linspace(0, COLUMNS, len(parts))
    highest = [f"{x:.1f},{1 - part.max():.3f}" for x, part in zip(xs, parts, strict=True)]
    lowest = [f"{x:.1f},{1 - part.min():.3f}" for x, part in zip(xs, parts, strict=True)]
    return " ".join([*highest, *reversed(lowest)])


def spectrogram(samples: NDArray[np.float64]) -> str:
    """Samples (n,) at `RATE` as a `data:` address of a PNG: black, the more opaque the more energy; low is below."""
    from PIL import Image

    power = _powers(samples)
    decibels = 10 * np.log10(np.maximum(power, 1e-12) / max(float(power.max()), 1e-12))
    opacity = np.round(255 * np.clip(1 + decibels / RANGE, 0, 1)).astype(np.uint8)
    picture = Image.fromarray(np.stack([np.zeros_like(opacity), opacity], axis=-1)[::-1])
    buffer = BytesIO()
    picture.save(buffer, format="PNG")
    return _address("image/png", buffer.getvalue())


def _powers(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power by frequency, up to `HIGHEST`, and frame: Hann windows of `FRAME`, pre-emphasised by 0.97."""
    emphasised = np.append(samples[:1], samples[1:] - 0.97 * samples[:-1])
    padded = np.pad(emphasised, (0, max(0, FRAME - len(emphasised))))
    step = max(FRAME // 5, len(padded) // COLUMNS)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::step] * np.hanning(FRAME)
    spectra = np.abs(np.fft.rfft(frames, 2 * FRAME)) ** 2
    return np.asarray(spectra[:, : 2 * FRAME * HIGHEST // RATE].T)


def _address(media: str, content: bytes) -> str:
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"
