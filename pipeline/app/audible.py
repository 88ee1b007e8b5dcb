"""Whether a recording can be asked about: one rule for the page and the API."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.serving.audible import Loudness
from pipeline.serving.samples import Sound
from pipeline.serving.windows import SHORTEST_WINDOW

SHORTEST = SHORTEST_WINDOW
"""of a recording (s): of less, `ser predict --window` asks nothing either"""


class TooLongError(UserError):
    """The recording is longer than is allowed."""


def audible(sound: Sound, longest: float) -> Iterator[NDArray[np.float64]]:
    """The blocks (n,) of a recording that can be asked about.

    Args:
        sound: the recording.
        longest: how long it may be (s); it is decoded up to there and no further.

    Raises:
        TooLongError: it is longer.
        UserError: it is shorter than `SHORTEST`, silent, or cannot be decoded.
    """
    frames, loudness = 0, Loudness()
    for block in sound.blocks:
        frames += len(block)
        loudness.add(block)
        if frames > longest * sound.rate:
            raise TooLongError(
                f"{sound.name}: is longer than {longest:g} s, the most here; cut a part out, and give that"
            )
        yield block
    if frames < SHORTEST * sound.rate:
        raise UserError(f"{sound.name}: is too short ({frames / sound.rate:.3g} s); give at least {SHORTEST:g} s")
    if loudness.is_silent:
        raise UserError(f"{sound.name}: is silent; check the microphone, speak nearer, or choose another recording")
