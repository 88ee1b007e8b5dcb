"""RAVDESS (Livingstone & Russo 2018, doi:10.1371/journal.pone.0196391), speech, audio only.

File names are seven two-digit codes, `modality-channel-emotion-intensity-statement-repetition-actor`: for example
`03-01-05-01-02-01-18` is audio-only (03) speech (01), angry (05), normal intensity (01), "Dogs are sitting by the
door" (02), first repetition (01), actor 18. Odd actors are male. Video (modality 01) files are left out, and so are
the zip's copies in `audio_speech_actors_01-24/`, as all equal copies are.

The reader says what becomes of song (channel 02), which may lie in the same folders: `ravdess` leaves it out,
`ravdess_song` takes it alone, and `ravdess_speech_song` takes both as one corpus, in which an actor who speaks and
sings is one speaker. Song has no disgust and no surprise, and actor 18 does not sing.
"""

import re
from collections.abc import Collection, Iterator
from itertools import product
from pathlib import Path, PurePosixPath
from typing import ClassVar

from pipeline.corpora.base import CorpusParams, CorpusReader, Published, Utterance, audio_files, named_files
from pipeline.storage.source import counted

NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")

STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}

AUDIO = "03"
"""modality of audio alone"""

SPEECH, SONG = "01", "02"
"""vocal channels"""

ACTORS = tuple(f"{actor:02d}" for actor in range(1, 25))

SUNG = ("01", "02", "03", "04", "05", "06")
"""emotions of song"""

SILENT_IN_SONG = "18"
"""the actor of whom there is no song"""


class RAVDESS(CorpusReader):
    """Reads RAVDESS as it is unpacked."""

    name = "ravdess"
    title = "RAVDESS, the Ryerson audio-visual database, speech only"
    channels: ClassVar[tuple[str, ...]] = (SPEECH,)
    """vocal channels that are read"""
    licence = "CC BY-NC-SA 4.0"
    source = "https://doi.org/10.5281/zenodo.1188976"
    citation = (
        "Livingstone and Russo (2018): The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS). "
        "PLoS ONE 13(5): e0196391. doi:10.1371/journal.pone.0196391"
    )
    languages = ("en",)
    published = Published(
        1440,
        24,
        {
            "neutral": 96,
            "calm": 192,
            "happy": 192,
            "sad": 192,
            "angry": 192,
            "fearful": 192,
            "disgusted": 192,
            "surprised": 192,
        },
        tuple(f"actor_{actor}" for actor in ACTORS),
    )
    shareable = True
    session_noun = "repetition"
    emotions = {
        "01": "neutral",
        "02": "calm",
        "03": "happy",
        "04": "sad",
        "05": "angry",
        "06": "fearful",
        "07": "disgusted",
        "08": "surprised",
    }

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of RAVDESS below `root` that are of the reader's channels.

        Raises:
            UserError: a file name does not follow the rule above.
        """
        rule = "a RAVDESS file name (seven two-digit codes, as 03-01-05-01-02-01-18)"
        for wav, match in named_files(root, NAME, rule):
            if match[1] == AUDIO and match[2] in self.channels:
                yield _utterance(wav, match)

    def notes(self, root: Path, params: CorpusParams) -> list[str]:
        """How many recordings are of the other channel, and which reader takes them."""
        others = {SPEECH, SONG} - {*self.channels}
        stems = {PurePosixPath(wav).stem for wav in audio_files(root)}
        count = sum(bool(match and match[1] == AUDIO and match[2] in others) for match in map(NAME.fullmatch, stems))
        if not count:
            return []
        what, reader = ("song", "ravdess_song") if SONG in others else ("speech", "ravdess")
        return [
            f"left out: {counted(count, 'recording')} of {what}; `reader: {reader}` takes {what} alone, "
            "and `reader: ravdess_speech_song` takes all"
        ]

    def expected(self, root: Path) -> Collection[str]:
        """Keys of all recordings of the reader's channels."""
        return [f"ravdess-{name}" for channel in self.channels for name in _names(channel)]

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's name tells."""
        match = NAME.fullmatch(PurePosixPath(wav).stem)
        return _utterance(wav, match) if match else None


def _names(channel: str) -> Iterator[str]:
    """File names of a vocal channel; neutral has no strong intensity."""
    emotions = SUNG if channel == SONG else RAVDESS.emotions
    for actor, emotion, *others in product(ACTORS, emotions, ("01", "02"), STATEMENTS, ("01", "02")):
        is_strong_neutral = (emotion, others[0]) == ("01", "02")
        if not is_strong_neutral and (channel, actor) != (SONG, SILENT_IN_SONG):
            yield "-".join([AUDIO, channel, emotion, *others, actor])


def _utterance(wav: str, match: re.Match[str]) -> Utterance:
    _, _, emotion, _, statement, repetition, actor = match.groups()
    return Utterance(
        wav=wav,
        key=f"ravdess-{match[0]}",
        raw_emotion=emotion,
        speaker=f"actor_{actor}",
        gender="male" if int(actor) % 2 else "female",
        language="en",
        text=STATEMENTS.get(statement, ""),
        session=repetition,
    )
