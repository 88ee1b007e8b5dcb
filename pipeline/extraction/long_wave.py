"""Utterances that are too long to be held in memory, of which extractors read what they need."""

from dataclasses import dataclass

from pipeline.audio.samples import Wave, to_float
from pipeline.storage.feature_file import FeatureFile

LONG = 10 * 60 * 16000
"""samples above which an utterance is long: ten minutes at 16 kHz"""


@dataclass(frozen=True)
class LongWave:
    """An utterance in an audio file; a slice of it is read when it is asked for.

    Attributes:
        audio: the file.
        row: of the utterance.
        length: samples of it that are used, from its beginning.
    """

    audio: FeatureFile
    row: int
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, part: slice) -> Wave:
        start, stop, _ = part.indices(self.length)
        return to_float(self.audio.part(self.row, start, max(start, stop)))
