"""Recordings as they would be under another condition: with noise, over the telephone, as MP3. They are for tests only.

A condition keeps the keys of a corpus, whose altered recordings lie in a folder of their own, `CORPUS/CONDITION`. What
it does is done in this order: noise, the band, the sampling rate, MP3.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pipeline.audio.audio_file import AudioWriter
from pipeline.audio.samples import RATES, resample, to_float, to_pcm16
from pipeline.jobs.progress import Progress
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.identity import row_digest
from pipeline.strict import Strict

Samples = NDArray[np.float64]

RATE = RATES["48k"]
"""of the recordings that are altered (Hz)"""

TRANSITION = 100
"""between what the band passes and what it stops (Hz), at -6 dB on its edges; stopped by 50 dB beyond"""

HEARD_RATE = RATES["16k"]
"""at which a signal-to-noise ratio is that of what systems hear (Hz)"""

MP3_RATE = 16000
"""of MP3s (Hz)"""
MP3_RANGE = 160, 8
"""highest and lowest bit rate at this sampling rate, MPEG-2 (kbit/s)"""
MP3_DELAY = 1105
"""samples: 576 of LAME's encoder and 529 of a decoder, which stay where a frame is too small to tell of them"""


class ConditionParams(Strict):
    """What is done to a corpus's recordings before a system is tested on them, and in no training."""

    snr: float | None = Field(
        None, description="signal-to-noise ratio of white Gaussian noise (dB), of what is heard at 16 kHz"
    )
    band: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        None, description="lowest and highest frequency that is left (Hz); a telephone's is [300, 3400]"
    )
    rate: int | None = Field(None, ge=4000, lt=RATE, description="sampling rate on the way (Hz); a telephone's is 8000")
    mp3: Literal[8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160] | None = Field(
        None, description="constant bit rate of an MP3 at 16 kHz (kbit/s)"
    )

    @model_validator(mode="after")
    def _some(self) -> "ConditionParams":
        if not self.model_dump(exclude_none=True):
            raise ValueError("has none of snr, band, rate and mp3, so that recordings would stay as they are")
        if self.band and not TRANSITION <= self.band[0] < self.band[1] <= RATE / 2 - TRANSITION:
            raise ValueError(
                f"band must be two frequencies, the lower one first, in {TRANSITION} to {RATE // 2 - 100} Hz"
            )
        return self


def make_condition(
    clean: FeatureFile, params: ConditionParams, files: Mapping[Path, int], name: str, seed: int
) -> None:
    """Write a corpus's altered 48 kHz audio to audio files, each at its rate (Hz), under the keys that it has.

    Args:
        clean: the corpus's audio at 48 kHz.
        params: the condition.
        files: audio file to write -> its rate (Hz).
        name: kept in the files, `CORPUS/CONDITION`.
        seed: of the noise, with the key of each recording.
    """
    settings = {"condition": params.model_dump(exclude_none=True), "seed": seed}
    with ExitStack() as stack:
        writers = {rate: stack.enter_context(AudioWriter(path, name, rate, **settings)) for path, rate in files.items()}
        progress = stack.enter_context(Progress(len(clean), name))
        for i, key in enumerate(clean.keys):
            altered = alter(to_float(clean.row(i)).astype(np.float64), key, params, seed)
            for rate, writer in writers.items():
                writer.add(key, to_pcm16(resample(altered, RATE, rate)))
            progress.update()


def alter(wave: Samples, key: str, params: ConditionParams, seed: int) -> Samples:
    """A recording at 48 kHz, (samples,), under a condition: (samples,), aligned with what it was."""
    if not len(wave):
        return wave
    if params.snr is not None:
        words = np.frombuffer(row_digest("condition", str(seed), key, f"{params.snr:g}").tobytes(), np.uint32)
        wave = with_noise(wave, params.snr, np.random.default_rng(words))
    if params.band is not None:
        wave = band_pass(wave, *params.band)
    if params.rate is not None:
        wave = at_rate(wave, params.rate)
    return wave if params.mp3 is None else as_mp3(wave, params.mp3)


def with_noise(wave: Samples, snr: float, rng: np.random.Generator) -> Samples:
    """White Gaussian noise added, `snr` dB below the wave's mean power as both are at 16 kHz; (samples,).

    Speech has little power above 8 kHz and white noise two thirds of its own: measured at 48 kHz, an SNR would be 5 dB
    higher for all that is computed at 16 kHz.
    """
    heard = resample(wave, RATE, HEARD_RATE)
    power = float(np.mean(np.square(heard))) if len(heard) else 0.0
    return wave + rng.standard_normal(len(wave)) * np.sqrt(power * RATE / HEARD_RATE / 10 ** (snr / 10))


def band_pass(wave: Samples, low: float, high: float) -> Samples:
    """Only what lies between two frequencies (Hz), by a linear-phase FIR filter (Hamming window), (samples,)."""
    from scipy.signal import firwin, oaconvolve

    taps = firwin(2 * (2 * RATE // TRANSITION) + 1, [low, high], pass_zero=False, fs=RATE)
    filtered: Samples = oaconvolve(wave, taps)[len(taps) // 2 :][: len(wave)]
    return filtered


def at_rate(wave: Samples, rate: int) -> Samples:
    """Resampled from 48 kHz to a rate (Hz) and back, (samples,)."""
    return _fitted(resample(resample(wave, RATE, rate), rate, RATE), len(wave))


def as_mp3(wave: Samples, bit_rate: int) -> Samples:
    """Encoded by LAME at 16 kHz and a constant bit rate (kbit/s), and decoded, (samples,) at 48 kHz.

    The bytes are the same on every run: libsndfile writes no date into an MP3.
    """
    import soundfile

    short = resample(wave, RATE, MP3_RATE)
    if not len(short):
        return wave
    highest, lowest = MP3_RANGE
    level = min((highest - bit_rate) / (highest - lowest), 0.999)  # of 1, libsndfile 1.2 makes an error
    file = BytesIO()
    options = {"subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT", "compression_level": level}
    soundfile.write(file, short.clip(-1, 1).astype(np.float32), MP3_RATE, format="MP3", **options)
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float64")
    start = MP3_DELAY if len(decoded) > len(short) else 0
    return _fitted(resample(decoded[start:][: len(short)], MP3_RATE, RATE), len(wave))


def _fitted(wave: Samples, length: int) -> Samples:
    """Cut, or followed by silence, to so many samples, as resampling rounds them."""
    return np.pad(wave, (0, max(0, length - len(wave))))[:length]
