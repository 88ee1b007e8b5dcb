"""Static prosodic features: the 103 of DisVoice 0.1.10, with its quirks mended or reproduced."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from pipeline.audio.samples import Signal, Wave
from pipeline.errors import UserError
from pipeline.features.base import Extractor, FeatureParams, Streams
from pipeline.features.prosody.blocks import (
    CLEAN,
    COMPAT,
    PAUSE,
    STEP,
    FloatArray,
    Rules,
    duration_block,
    energy_block,
    f0_block,
    find_runs,
    log_energy,
)
from pipeline.features.prosody.f0 import f0_tracks, praat_f0
from pipeline.features.prosody.long import energy_of, f0_track, levels
from pipeline.features.prosody.pitch import Analysis


def _energy_names(kind: str) -> list[str]:
    averaged, ends = ("avg", "std", "skw", "kurtosis"), ("avg", "std", "max", "min", "skw", "kurtosis")
    return [
        *(f"{moment}{of}{kind}" for of in ("E", "tiltE", "mseE") for moment in averaged),
        *(f"{moment}{end}E{kind}" for end in ("1", "last") for moment in ends),
    ]


def _duration_names(kind: str) -> list[str]:
    return [f"{moment}dur{kind}" for moment in ("avg", "std", "skw", "kurtosis", "max", "min")]


F0_NAMES = (
    *("F0avg", "F0std", "F0max", "F0min", "F0skew", "F0kurt"),
    *(f"F0{fit}{moment}" for moment in ("avg", "std", "max", "min", "skw", "ku") for fit in ("tilt", "mse")),
    *(f"1F0{moment}" for moment in ("mean", "std", "max", "min", "skw", "ku")),
    *(f"lastF0{moment}" for moment in ("avg", "std", "max", "min", "skw", "ku")),
)

FEATURE_NAMES: tuple[str, ...] = (
    *F0_NAMES,
    *_energy_names("voiced"),
    *_energy_names("unvoiced"),
    "Vrate",
    *(name for kind in ("voiced", "unvoiced", "pause") for name in _duration_names(kind)),
    *("PVU", "PU", "UVU", "VVU", "VP", "UP"),
)
"""The 103 features in order, spelt as in DisVoice."""

PRAAT_SECONDS = 1800
"""longest utterance that is given to Praat as a whole (s), which takes about a gigabyte for it"""

BLOCKS: dict[str, slice] = {
    "f0": slice(0, 30),
    "voiced_energy": slice(30, 54),
    "unvoiced_energy": slice(54, 78),
    "duration": slice(78, 103),
}
"""Name of each block, in the order of the validity flags -> its features."""


class ProsodyParams(FeatureParams):
    """Params of `Prosody`."""

    mode: Literal["clean", "compat"] = Field(
        "clean", description="clean: DisVoice's quirks mended, finite always; compat: DisVoice 0.1.10, NaNs included"
    )
    f0_floor: float = Field(60.0, gt=0, description="lowest F0 (Hz)")
    f0_ceiling: float | None = Field(None, gt=0, description="highest F0 (Hz); null: 500 in clean, 350 in compat")

    @property
    def rules(self) -> Rules:
        """The rules of `mode`."""
        return CLEAN if self.mode == "clean" else COMPAT

    @property
    def ceiling(self) -> float:
        """The F0 ceiling in effect (Hz)."""
        return self.rules.f0_ceiling if self.f0_ceiling is None else self.f0_ceiling

    @model_validator(mode="after")
    def _consistent(self) -> "ProsodyParams":
        if self.f0_floor >= self.ceiling:
            raise ValueError(f"f0_floor ({self.f0_floor:g} Hz) must be below f0_ceiling ({self.ceiling:g} Hz)")
        if self.ceiling > self.sample_rate / 2:
            raise ValueError(
                f"f0_ceiling ({self.ceiling:g} Hz) must be at most half of sample_rate ({self.sample_rate / 2:g} Hz)"
            )
        if self.mode == "clean" and self.sample_rate != 16000:
            raise ValueError("mode clean needs sample_rate 16000 (mode compat takes either)")
        return self


def static_prosody(
    x: ArrayLike, sample_rate: int, f0: ArrayLike, rules: Rules = CLEAN
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The static prosodic features of one utterance, from its samples and its F0 track.

    The signal is centred and scaled to a peak of 1, so the features do not depend on its level. Runs of voiced and of
    unvoiced frames become segments: one frame shorter than the run and one hop later, as in DisVoice, in both modes.
    Unvoiced segments longer than 0.14 s are pauses, which count only in the durations: the unvoiced energy leaves them
    out.

    Args:
        x: mono samples, shape (samples,).
        sample_rate: Hz, a multiple of 100.
        f0: F0 (Hz) every 10 ms from 0 s, 0 where unvoiced, shape (frames,); see `f0_tracks`.
        rules: `CLEAN` or `COMPAT`.

    Returns:
        The features in the order of `FEATURE_NAMES`, shape (103,): Hz, dB, s, Hz/s, dB/s, and squares of Hz and dB;
        and whether each of `BLOCKS` could be measured, shape (4,). With `CLEAN` the features are always finite, a
        block that could not be measured is zeros, and utterances that are silent (constant) or shorter than 50 ms
        have no valid block. With `COMPAT` values and NaNs are those of DisVoice 0.1.10.

    Raises:
        ValueError: when a hop is not a whole number of samples, or the samples or F0 are not finite.
    """
    samples = np.asarray(x, dtype=np.float64)
    track = np.asarray(f0, dtype=np.float64)
    hop, rest = divmod(sample_rate, round(1 / STEP))
    if rest:
        raise ValueError(f"sample_rate must be a multiple of {round(1 / STEP)} Hz, not {sample_rate}")
    values, valid = np.zeros(len(FEATURE_NAMES)), np.zeros(len(BLOCKS), dtype=np.bool_)
    if not (np.isfinite(samples).all() and np.isfinite(track).all()):
        raise ValueError("samples and F0 must be finite: these hold NaN or infinity")
    duration = len(samples) / sample_rate
    if len(samples) == 0 or duration < rules.min_duration:
        return values, valid
    # Not the peak of the centred signal: the mean of equal samples may be one rounding off.
    high, low = samples.max(), samples.min()
    silent = high == low
    if silent and rules.zero_invalid:
        return values, valid
    mean = samples.mean()
    signal = np.zeros_like(samples) if silent else (samples - mean) / max(high - mean, mean - low)
    return _features(track, log_energy(signal, hop, rules.energy_floor), len(samples), sample_rate, rules)


def long_prosody(
    signal: Signal, sample_rate: int, f0: FloatArray, rules: Rules
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """`static_prosody` of samples that need not be in memory."""
    mean, low, high = levels(signal)
    if low == high:
        return np.zeros(len(FEATURE_NAMES)), np.zeros(len(BLOCKS), dtype=np.bool_)
    peak = max(high - mean, mean - low)
    energy = energy_of(signal, mean, peak, sample_rate // round(1 / STEP), rules.energy_floor)
    return _features(f0, energy, len(signal), sample_rate, rules)


def _features(
    track: FloatArray, energy: FloatArray, samples: int, sample_rate: int, rules: Rules
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The features and validity flags of an utterance, of its F0 track and its log energy."""
    hop, duration = sample_rate // round(1 / STEP), samples / sample_rate
    values, valid = np.zeros(len(FEATURE_NAMES)), np.zeros(len(BLOCKS), dtype=np.bool_)
    segments = []
    for mask in (track != 0, track == 0):
        starts, stops = find_runs(mask)
        kept = slice(None) if rules.keep_last else slice(-1)
        # Only F0 tracks longer than the signal need the minimum.
        lengths = np.minimum(stops[kept] * hop, samples) - (starts[kept] + 1) * hop
        segments.append((starts[kept], stops[kept], np.maximum(lengths, 0)))
    (v_starts, v_stops, v_lengths), (u_starts, u_stops, u_lengths) = segments
    pause = u_lengths > PAUSE * sample_rate

    blocks = (
        f0_block(track, rules),
        energy_block(energy, v_starts, v_stops, rules),
        energy_block(energy, u_starts[~pause], u_stops[~pause], rules),
        duration_block(
            v_lengths / sample_rate, u_lengths[~pause] / sample_rate, u_lengths[pause] / sample_rate, duration, rules
        ),
    )
    for flag, (place, (block, measured)) in enumerate(zip(BLOCKS.values(), blocks, strict=True)):
        valid[flag] = measured
        if measured or not rules.zero_invalid:
            values[place] = block
    return values, valid


class Prosody(Extractor[ProsodyParams]):
    """Static prosody of an utterance: F0 as Praat computes it, then the features of `static_prosody`.

    In `compat` Praat itself computes F0 (praat-parselmouth); in `clean` `f0_tracks` does, within about 1e-9 of it.

    Streams: `values`, shape (1, 103), the features named in `FEATURE_NAMES`; `valid`, shape (1, 4), 1 for each of
    `BLOCKS` that could be measured and 0 for the others. The features are float64, for agreement with DisVoice.
    """

    name = "prosody"
    version = "2"
    Params = ProsodyParams

    @property
    def frame_rate(self) -> float:
        """0: one row per utterance."""
        return 0.0

    def frames(self, samples: int) -> int:
        """1: one row per utterance."""
        return 1

    @property
    def dims(self) -> dict[str, int]:
        """103 features and 4 validity flags."""
        return {"values": len(FEATURE_NAMES), "valid": len(BLOCKS)}

    @property
    def dtypes(self) -> dict[str, np.dtype[Any]]:
        """float64 features, and flags of one byte."""
        return {"values": np.dtype(np.float64), "valid": np.dtype(np.uint8)}

    @property
    def may_be_nan(self) -> bool:  # type: ignore[override]
        """In `compat`, as DisVoice has it."""
        return self.params.mode == "compat"

    def extract_long(self, wave: Signal) -> Iterator[Streams]:
        """Yield one row of features and one of flags for a long utterance.

        Raises:
            UserError: Praat, which takes it whole, would need too much memory.
        """
        params = self.params
        analysis = Analysis(params.sample_rate, params.f0_floor, params.ceiling, STEP)
        if params.mode == "clean" and analysis.possible:
            values, valid = long_prosody(wave, params.sample_rate, f0_track(wave, analysis), params.rules)
            yield {"values": values[np.newaxis], "valid": valid[np.newaxis].astype(np.uint8)}
            return
        seconds = len(wave) / params.sample_rate
        if seconds > PRAAT_SECONDS:
            raise UserError(
                f"prosody: is {seconds:.0f} s long, and Praat, which computes F0 in mode compat and for unusual ranges "
                f"of F0, takes {PRAAT_SECONDS} s at most; set clip, or take mode clean"
            )
        yield from super().extract_long(wave)

    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """One row of features and one of flags for each utterance."""
        params = self.params
        settings = (params.sample_rate, params.f0_floor, params.ceiling, STEP)
        if params.mode == "compat":
            # To the last bit: rounding noise decides some of DisVoice's values, and which of them are NaN.
            tracks = [praat_f0(wave, *settings) for wave in waves]
        else:
            tracks = f0_tracks(waves, *settings)
        results: list[Streams] = []
        for wave, f0 in zip(waves, tracks, strict=True):
            values, valid = static_prosody(wave, params.sample_rate, f0, params.rules)
            results.append({"values": values[np.newaxis], "valid": valid[np.newaxis].astype(np.uint8)})
        return results
