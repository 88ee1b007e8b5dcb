"""Recordings of the project that a graph is checked on: speech, which clips made for it are not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline import paths
from pipeline.audio.audio_file import audio_file
from pipeline.audio.samples import RATES, Wave, to_float
from pipeline.corpora.manifest import Row
from pipeline.storage.joined import joined

MOST = 50
"""recordings that a graph is checked on"""


@dataclass(frozen=True)
class Heard:
    """Recordings with their labels.

    Attributes:
        emotions: the label of each.
        samples: of each, (n,).
    """

    emotions: Sequence[str] = ()
    samples: Sequence[Wave] = ()


NONE = Heard()


def heard(rows: Sequence[Row], corpora: Sequence[str], rate: int, longest: float) -> Heard:
    """Up to `MOST` of some recordings, evenly taken in the order of emotions and keys.

    Args:
        rows: the recordings, with their classes as emotions.
        corpora: of the experiment that they are of.
        rate: sampling rate (Hz), 16000 or 48000.
        longest: of a recording (s); longer ones are left out.

    Returns:
        Them; `NONE` where the audio is not here.
    """
    (name,) = (name for name, own in RATES.items() if own == rate)
    if not all(paths.audio(corpus, name).is_file() for corpus in corpora):
        return NONE
    audio = joined({corpus: audio_file(paths.audio_folder(corpus), rate) for corpus in corpora})
    fitting = sorted((row for row in rows if row.length < longest), key=lambda row: (row.emotion, row.key))
    chosen = _evenly(fitting)
    where = audio.index(row.key for row in chosen)
    return Heard([row.emotion for row in chosen], [to_float(audio.row(int(i))) for i in where])


def _evenly(rows: Sequence[Row]) -> list[Row]:
    """`MOST` of the rows, the first and the last among them, or all where there are not so many."""
    if len(rows) <= MOST:
        return [*rows]
    return [rows[i] for i in np.linspace(0, len(rows) - 1, MOST).round().astype(int)]
