"""A recording from the default microphone, in memory; by `sounddevice`, which needs PortAudio."""

import time
from collections.abc import Callable
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.decoding import FASTEST, SLOWEST
from pipeline.errors import UserError

KEY = "microphone"
"""of the recording"""
INSTEAD = "or pipe it in, as `arecord -f S16_LE -r 16000 -d 5 | ser predict MODEL -`"


class Microphone:
    """The default microphone.

    Attributes:
        rate: the sampling rate it is used at (Hz), its own.

    Raises:
        UserError: there is none, or what reads it is not installed.
    """

    def __init__(self) -> None:
        self._device = _sounddevice()
        try:
            self.rate = round(self._device.query_devices(kind="input")["default_samplerate"])
        except (self._device.PortAudioError, ValueError) as error:
            raise UserError(f"{KEY}: there is none ({_reason(error)}); plug one in, {INSTEAD}") from error
        if not SLOWEST <= self.rate <= FASTEST:
            raise UserError(f"{KEY}: its rate, {self.rate} Hz, is not between {SLOWEST} and {FASTEST}; choose another")

    def recorded(self, seconds: float, tell: Callable[[int], None]) -> NDArray[np.int16]:
        """Record, (samples,).

        Args:
            seconds: how long.
            tell: is told the whole seconds that are left, every second.

        Raises:
            UserError: the microphone cannot be read, or is silent.
        """
        try:
            samples = self._device.rec(round(seconds * self.rate), samplerate=self.rate, channels=1, dtype="int16")
            _count_down(seconds, tell)
            self._device.wait()
        except self._device.PortAudioError as error:
            raise UserError(f"{KEY}: cannot be read ({_reason(error)}); close what else uses it, {INSTEAD}") from error
        finally:
            self._device.stop()
        if not samples.any():
            raise UserError(f"{KEY}: nothing but zeros came; it is switched off, or this program may not use it")
        return np.asarray(samples, np.int16).reshape(-1)


def _sounddevice() -> ModuleType:
    try:
        import sounddevice
    except ImportError as error:
        raise UserError(f"{KEY}: needs the extra: pip install -c constraints.txt -e '.[mic]'; {INSTEAD}") from error
    except OSError as error:
        library = "the library PortAudio (`apt install libportaudio2`, `brew install portaudio`)"
        raise UserError(f"{KEY}: needs {library}; {INSTEAD}") from error
    return sounddevice


def _count_down(seconds: float, tell: Callable[[int], None]) -> None:
    left = seconds
    while left > 0:
        tell(int(np.ceil(left)))
        time.sleep(min(1.0, left))
        left -= 1


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
