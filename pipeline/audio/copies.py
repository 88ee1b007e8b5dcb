"""Copies of recordings for training parts: with noise, at another speed, at another pitch.

The copy of utterance `k` has the key `k@10dB` (white Gaussian noise at an SNR of 10 dB), `k@0.9x` (played at 0.9 times
the speed, which lowers the pitch too) or `k@+2st` (2 semitones up, at the same speed). `keys.source_key` undoes it.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pipeline.audio.audio_file import AudioWriter
from pipeline.audio.samples import RATES, Wave, resample, to_float, to_pcm16
from pipeline.jobs.progress import Progress
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.identity import row_digest
from pipeline.strict import Strict

Samples = NDArray[np.float64]


class CopiesParams(Strict):
    """Copies of one corpus, for training only: one of each utterance for each number in the lists."""

    source: str = Field(description="the corpus copied")
    snr: list[float] = Field([], description="signal-to-noise ratios of white Gaussian noise (dB), at 48 kHz")
    speed: list[float] = Field([], description="factors of the speed; the pitch follows")
    semitones: list[float] = Field([], description="shifts of the pitch (semitones) at the same speed")

    @model_validator(mode="after")
    def _some(self) -> "CopiesParams":
        if not (self.snr or self.speed or self.semitones):
            raise ValueError("has none of snr, speed and semitones, so no copies")
        for name, values in (("snr", self.snr), ("speed", self.speed), ("semitones", self.semitones)):
            if len({f"{value:g}" for value in values}) < len(values):
                raise ValueError(f"{name} has a value twice")
        if any(not 0.25 <= speed <= 4 for speed in self.speed):
            raise ValueError("speed must lie between 0.25 and 4")
        if any(not 0 < abs(shift) <= 24 for shift in self.semitones):
            raise ValueError("semitones must be up to 24 up or down, and not 0")
        return self


def make_copies(clean: FeatureFile, params: CopiesParams, files: Mapping[Path, int], corpus: str, seed: int) -> None:
    """Write copies of a corpus's 48 kHz audio to audio files, each at its rate (Hz), derived from the copy at 48 kHz.

    Each utterance has its own noise, drawn from the seed and its key, so that adding utterances changes no other's
    copy.
    """
    settings = {**params.model_dump(exclude={"source"}), "seed": seed}
    with ExitStack() as stack:
        writers = {
            rate: stack.enter_context(AudioWriter(path, corpus, rate, **settings)) for path, rate in files.items()
        }
        progress = stack.enter_context(Progress(len(clean), f"copies of {params.source}"))
        for i, key in enumerate(clean.keys):
            for suffix, copy in copies_of(to_float(clean.row(i)), key, params, seed):
                for rate, writer in writers.items():
                    writer.add(f"{key}@{suffix}", to_pcm16(resample(copy, RATES["48k"], rate)))
            progress.update()


def copies_of(wave: Wave, key: str, params: CopiesParams, seed: int) -> Iterator[tuple[str, Samples]]:
    """Each copy of an utterance at 48 kHz, (samples,), after what its key gets as a suffix."""
    for snr in params.snr:
        words = np.frombuffer(row_digest(str(seed), key, f"{snr:g}").tobytes(), np.uint32)
        yield f"{snr:g}dB", add_noise(wave, snr, np.random.default_rng(words)).astype(np.float64)
    for speed in params.speed:
        yield f"{speed:g}x", change_speed(wave.astype(np.float64), speed)
    for shift in params.semitones:
        yield f"{shift:+g}st", shift_pitch(wave.astype(np.float64), RATES["48k"], shift)


def add_noise(wave: Wave, snr: float, rng: np.random.Generator) -> Wave:
    """Add white Gaussian noise at `snr` dB below the wave's own mean power; a silent wave stays silent."""
    power = float(np.mean(np.square(wave, dtype=np.float64))) if len(wave) else 0.0
    noise = rng.standard_normal(len(wave)) * np.sqrt(power / 10 ** (snr / 10))
    return (wave + noise).astype(np.float32)


def change_speed(wave: Samples, speed: float) -> Samples:
    """Play at `speed` times the speed by resampling (Ko et al. 2015), (samples,) -> (about samples / speed,)."""
    import soxr

    changed: Samples = soxr.resample(wave, speed, 1.0, quality="VHQ")
    return changed


def shift_pitch(wave: Samples, rate: int, semitones: float) -> Samples:
    """Shift the pitch by librosa's phase vocoder, (samples,) at `rate` Hz -> (samples,)."""
    import librosa

    if not len(wave):
        return wave
    changed: Samples = librosa.effects.pitch_shift(wave, sr=rate, n_steps=semitones, res_type="soxr_hq")
    return changed
