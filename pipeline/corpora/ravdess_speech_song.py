"""RAVDESS, speech and song as one corpus, in which an actor is one speaker; see the reader `ravdess`."""

from pipeline.corpora.base import Published, Utterance
from pipeline.corpora.ravdess import RAVDESS, SONG, SPEECH


class RAVDESSSpeechSong(RAVDESS):
    """Reads all audio of RAVDESS as it is unpacked."""

    name = "ravdess_speech_song"
    title = "RAVDESS, the Ryerson audio-visual database, speech and song"
    channels = (SPEECH, SONG)
    published = Published(
        2452,
        24,
        {
            "neutral": 188,
            "calm": 376,
            "happy": 376,
            "sad": 376,
            "angry": 376,
            "fearful": 376,
            "disgusted": 192,
            "surprised": 192,
        },
        RAVDESS.published.speaker_names,
    )

    def named(self, wav: str) -> Utterance | None:
        """Nothing: lists of others call the corpus `ravdess`, whose reader tells."""
        return None

    def knows(self, wav: str) -> bool:
        """Never: one chooses to mix speech and song, and no folder asks for it."""
        return False
