"""Voice activity: how much of a window of a recording has voice, told from what is heard up to the window's end.

So a stream gives what its recording gives, and however the samples are cut into blocks changes nothing.

`energy` calls a frame voiced that is audible and is above the noise. The noise is a low quantile of the energies of the
last ten seconds, as in noise estimation without a detector of pauses (Hirsch and Ehrlicher 1995, ICASSP; a quantile:
Stahl, Fischer and Bippus 2000, ICASSP). Frames that are not audible do not count for it: else a pause that was filled
with zeros would make all noise voice. It knows loud from quiet, and music from speech not at all.

`webrtc` is the detector of Google's WebRTC, Gaussian mixtures of energies in six bands, in the package
`webrtcvad-wheels`: better in noise that changes, and worse in loud steady noise.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.samples import FULL_SCALE, RATES
from pipeline.errors import ParamsError, UserError, nearest

PCM = NDArray[np.int16]

RATE = RATES["16k"]
"""of the samples that are listened to (Hz)"""
FRAME = RATE // 50
"""samples of a frame: 20 ms, of the lengths that WebRTC takes (10, 20 and 30 ms)"""
LEAST_VOICED = 0.1
"""share of a window below which nobody speaks in it: a syllable in 2 s"""

AUDIBLE = -60.0
"""energy that a voice is above (dB of full scale); of RAVDESS's 16-bit recordings the quietest speech is at -55"""
QUANTILE, MARGIN = 0.05, 4.0
"""what of energies is noise, and how far voice is above it (dB): of 0.02 to 0.2 and 3 to 9, on RAVDESS and EmoDB with
pauses and white or pink noise 5 to 20 dB below, these miss few spoken windows of 3 s, and take none without voice"""
CONTEXT, ENOUGH = 500, 50
"""frames, up to a window's end, in which noise is looked for (10 s), and without which (1 s) it is not known"""

AGGRESSIVENESS = 3
"""WebRTC's mode, of 0 to 3: of all windows without voice it takes the fewest for speech"""


class VoiceActivity(Protocol):
    """Listens to a recording's 16-bit samples at `RATE`, in order."""

    def push(self, samples: PCM) -> None:
        """Hear what comes next, (n,)."""

    def share(self, start: int, end: int) -> float:
        """How much of the samples from `start` to `end` has voice, 0 to 1; 1 where they hold no whole frame.

        Places are counted from the beginning of the recording, and both never go back.
        """


class Everywhere:
    """Voice all over: nothing is listened to."""

    def push(self, samples: PCM) -> None:
        """Hear what comes next, (n,)."""

    def share(self, start: int, end: int) -> float:
        """All of it."""
        return 1.0


class _Frames(ABC):
    """A number of each frame that may still be asked for."""

    def __init__(self) -> None:
        self._rest: PCM = np.zeros(0, np.int16)
        self._numbers, self._first = np.zeros(0), 0

    def push(self, samples: PCM) -> None:
        """Hear what comes next, (n,)."""
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // FRAME * FRAME
        self._rest = samples[whole:]
        self._numbers = np.append(self._numbers, self._measured(samples[:whole].reshape(-1, FRAME)))

    def share(self, start: int, end: int) -> float:
        """How much from `start` to `end` has voice."""
        first, last = -(-start // FRAME), end // FRAME
        self._forget(min(first, last - CONTEXT))
        heard = self._numbers[: last - self._first]
        frames = heard[first - self._first :]
        return float(self._voiced(frames, heard).mean()) if len(frames) else 1.0

    def _forget(self, frame: int) -> None:
        """Let go of what lies before a frame."""
        if frame > self._first:
            self._numbers = self._numbers[frame - self._first :].copy()
            self._first = frame

    @abstractmethod
    def _measured(self, frames: PCM) -> NDArray[np.float64]:
        """A number (n,) of each of (n, samples)."""

    @abstractmethod
    def _voiced(self, frames: NDArray[np.float64], heard: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of a window's frames have voice, by their numbers and those of all that is `heard` up to its end."""


class Energy(_Frames):
    """Voice is what is audible and above the noise."""

    def _measured(self, frames: PCM) -> NDArray[np.float64]:
        """Energies (dB of full scale), without what is constant: a microphone's offset is no voice."""
        whole = frames.astype(np.int64)  # sums are exact, in whatever order
        power = FRAME * (whole**2).sum(axis=1) - whole.sum(axis=1) ** 2
        return np.asarray(10 * np.log10(np.maximum(power, 1) / (FRAME * FULL_SCALE) ** 2))

    def _voiced(self, frames: NDArray[np.float64], heard: NDArray[np.float64]) -> NDArray[np.bool_]:
        audible = heard[heard > AUDIBLE]
        known = len(heard) >= ENOUGH and len(audible)
        noise = float(np.quantile(audible, QUANTILE)) + MARGIN if known else AUDIBLE
        return np.asarray(frames > max(noise, AUDIBLE))


class WebRTC(_Frames):
    """Voice is what WebRTC's detector takes for it.

    Raises:
        UserError: its package is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            from webrtcvad import Vad
        except ImportError as error:
            raise UserError(
                "voice activity webrtc: needs the extra: pip install -c constraints.txt -e '.[vad]'; or take `energy`"
            ) from error
        self._vad = Vad(AGGRESSIVENESS)

    def _measured(self, frames: PCM) -> NDArray[np.float64]:
        return np.array([self._vad.is_speech(frame.astype("<i2").tobytes(), RATE) for frame in frames], np.float64)

    def _voiced(self, frames: NDArray[np.float64], heard: NDArray[np.float64]) -> NDArray[np.bool_]:
        return frames > 0


NOTHING = "none"
"""the name under which nothing is listened to"""
DETECTORS: Mapping[str, Callable[[], VoiceActivity]] = {"energy": Energy, "webrtc": WebRTC, NOTHING: Everywhere}


def voice_activity(name: str) -> VoiceActivity:
    """A detector at the beginning of a recording.

    Raises:
        ParamsError: there is none of that name.
        UserError: its package is not installed.
    """
    if name not in DETECTORS:
        raise ParamsError(f"voice activity: {name!r} is none of {', '.join(DETECTORS)}{nearest(name, DETECTORS)}")
    return DETECTORS[name]()
