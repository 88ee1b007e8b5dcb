"""RAVDESS, song, audio only: the recordings that the reader `ravdess` leaves out; see there."""

from pathlib import PurePosixPath

from pipeline.corpora.base import Published, Utterance
from pipeline.corpora.ravdess import ACTORS, NAME, RAVDESS, SILENT_IN_SONG, SONG


class RAVDESSSong(RAVDESS):
    """Reads the song of RAVDESS as it is unpacked, also where speech lies beside it."""

    name = "ravdess_song"
    title = "RAVDESS, the Ryerson audio-visual database, song only"
    channels = (SONG,)
    published = Published(
        1012,
        23,
        {"neutral": 92, "calm": 184, "happy": 184, "sad": 184, "angry": 184, "fearful": 184},
        tuple(f"actor_{actor}" for actor in ACTORS if actor != SILENT_IN_SONG),
    )

    def named(self, wav: str) -> Utterance | None:
        """Nothing: lists of others call the corpus `ravdess`, whose reader tells."""
        return None

    def knows(self, wav: str) -> bool:
        """Whether a file is of song: a folder that has speech too is recognised as the reader `ravdess`'s."""
        match = NAME.fullmatch(PurePosixPath(wav).stem)
        return bool(match and match[2] == SONG)
