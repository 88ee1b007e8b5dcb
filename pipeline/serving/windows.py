"""A recording at the rates that features need: whole, or window after window in bounded memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.samples import RATES, Resampler, to_pcm16
from pipeline.audio.voice_activity import Everywhere, VoiceActivity, voice_activity
from pipeline.errors import DataError, ParamsError, UserError
from pipeline.extraction.long_wave import LONG
from pipeline.serving.samples import Sound

PCM = NDArray[np.int16]

UNIT = min(RATES.values())
"""rate that windows are counted in (Hz), of which every rate is a multiple"""
LONGEST_CLIP = LONG / UNIT
"""of what is predicted at once (s)"""
SHORTEST_WINDOW, SHORTEST_HOP = 0.1, 0.01
"""s"""


@dataclass(frozen=True)
class Clip:
    """A part of a recording that is predicted by itself.

    Attributes:
        start: where it begins (s).
        end: where it ends (s).
        samples: rate (Hz) -> 16-bit samples.
        voiced: share of it that has voice, 0 to 1.
    """

    start: float
    end: float
    samples: Mapping[int, PCM]
    voiced: float = 1.0


@dataclass(frozen=True)
class Windows:
    """Windows of `window` s, each beginning `hop` s after the last; the last one ends with the recording.

    Attributes:
        window: s.
        hop: s.
        voice_activity: what tells how much of each has voice, of `pipeline.audio.voice_activity`.

    Raises:
        ParamsError: one is too short, or the window is longer than ten minutes; or there is no such detector.
        UserError: the detector's package is not installed.
    """

    window: float
    hop: float
    voice_activity: str = "energy"

    def __post_init__(self) -> None:
        if not SHORTEST_WINDOW <= self.window <= LONGEST_CLIP:
            raise ParamsError(f"window: {self.window} s is not between {SHORTEST_WINDOW} and {LONGEST_CLIP:g}")
        if not SHORTEST_HOP <= self.hop <= LONGEST_CLIP:
            raise ParamsError(f"hop: {self.hop} s is not between {SHORTEST_HOP} and {LONGEST_CLIP:g}")
        voice_activity(self.voice_activity)

    def cut(self, sound: Sound, rates: Sequence[int]) -> Iterator[Clip]:
        """Yield the windows of a recording; of one that is shorter than a window, the whole.

        Memory is that of a window, a hop and a decoded block.

        Raises:
            UserError: the recording cannot be read, or has no sample at a rate.
        """
        size, hop = round(self.window * UNIT), round(self.hop * UNIT)
        parts = _Parts(sound, sorted({UNIT, *rates}), voice_activity(self.voice_activity))
        start = end = 0
        for _ in parts.grown():
            while parts.length >= start + size:
                yield parts.clip(start, end := start + size)
                parts.forget(start)
                start += hop
        if not end or parts.length > end:
            yield parts.clip(max(0, parts.total - size), parts.total)


def whole(sound: Sound, rates: Sequence[int]) -> Clip:
    """A recording as one clip.

    Raises:
        UserError: it cannot be read, has no sample at a rate, or is longer than ten minutes.
    """
    parts = _Parts(sound, rates, Everywhere())
    for _ in parts.grown():
        if parts.length > LONG:
            raise UserError(
                f"{sound.name}: is longer than {LONGEST_CLIP / 60:g} minutes; predict it in windows (predict_segments)"
            )
    return parts.clip(0, parts.total)


class _Parts:
    """The samples of a recording that are not yet forgotten, at each rate; places are counted at `UNIT` Hz."""

    def __init__(self, sound: Sound, rates: Sequence[int], activity: VoiceActivity) -> None:
        self._sound, self._activity = sound, activity
        self._resamplers = {rate: Resampler(sound.rate, rate) for rate in rates}
        self._pieces: dict[int, list[PCM]] = {rate: [] for rate in rates}
        self._counts = dict.fromkeys(rates, 0)
        self._first = 0

    def grown(self) -> Iterator[None]:
        """Resample the next block, each time."""
        for block in self._sound.blocks:
            self._push(block, last=False)
            yield
        self._push(np.zeros(0), last=True)
        if not all(self._counts.values()):
            raise DataError(f"{self._sound.name}: is too short; it has no sample at {UNIT} Hz")
        yield

    def _push(self, block: NDArray[np.float64], last: bool) -> None:
        for rate, resampler in self._resamplers.items():
            samples = to_pcm16(resampler.push(block, last=last))
            self._pieces[rate].append(samples)
            self._counts[rate] += len(samples)
            if rate == UNIT:
                self._activity.push(samples)

    @property
    def length(self) -> int:
        """Up to where samples are there at every rate."""
        return min(count * UNIT // rate for rate, count in self._counts.items())

    @property
    def total(self) -> int:
        """Up to where samples are there at any rate, in the end."""
        return max(-(-count * UNIT // rate) for rate, count in self._counts.items())

    def clip(self, start: int, end: int) -> Clip:
        """The samples between two places."""
        samples = {}
        for rate in self._pieces:
            self._pieces[rate] = [np.concatenate(self._pieces[rate])]
            scale = rate // UNIT
            samples[rate] = self._pieces[rate][0][(start - self._first) * scale : (end - self._first) * scale].copy()
        return Clip(start / UNIT, end / UNIT, samples, self._activity.share(start, end))

    def forget(self, place: int) -> None:
        """Let go of what lies before a place."""
        for rate in self._pieces:
            self._pieces[rate] = [np.concatenate(self._pieces[rate])[(place - self._first) * (rate // UNIT) :]]
        self._first = place
