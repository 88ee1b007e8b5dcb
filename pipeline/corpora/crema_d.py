"""CREMA-D (Cao et al. 2014, doi:10.1109/TAFFC.2014.2336244), 91 actors, English, six emotions.

File names are `ACTOR_SENTENCE_EMOTION_LEVEL`: `1001_DFA_ANG_XX` is actor 1001, "Don't forget a jacket", anger, level
not specified. The label is what the actor was asked for, not what listeners heard. Where the release's WAV and MP3
folders are both there, the WAV files are taken.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Published, Utterance, named_files

NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_(XX?|LO|MD|HI)")

SENTENCES = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}


class CREMAD(CorpusReader):
    """Reads CREMA-D as it is unpacked."""

    name = "crema_d"
    title = "CREMA-D, crowd-sourced emotional multimodal actors"
    licence = "ODbL 1.0 and DbCL 1.0"
    source = "https://github.com/CheyneyComputerScience/CREMA-D"
    citation = (
        "Cao, Cooper, Keutmann, Gur, Nenkova and Verma (2014): CREMA-D: Crowd-sourced Emotional Multimodal Actors "
        "Dataset. IEEE Transactions on Affective Computing 5(4), 377-390. doi:10.1109/TAFFC.2014.2336244"
    )
    languages = ("en",)
    published = Published(
        7442,
        91,
        {"neutral": 1087} | dict.fromkeys(("angry", "disgusted", "fearful", "happy", "sad"), 1271),
        tuple(str(actor) for actor in range(1001, 1092)),
    )
    shareable = True
    emotions = {
        "ANG": "angry",
        "DIS": "disgusted",
        "FEA": "fearful",
        "HAP": "happy",
        "NEU": "neutral",
        "SAD": "sad",
    }

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of CREMA-D below `root`.

        Raises:
            UserError: a file name does not follow the rule above.
        """
        found = [*named_files(root, NAME, "a CREMA-D file name (actor, sentence, emotion, level, as 1001_DFA_ANG_XX)")]
        waves = [(wav, match) for wav, match in found if wav.lower().endswith(".wav")]
        yield from (_utterance(wav, match) for wav, match in waves or found)

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's name tells."""
        match = NAME.fullmatch(PurePosixPath(wav).stem)
        return _utterance(wav, match) if match else None


def _utterance(wav: str, match: re.Match[str]) -> Utterance:
    actor, sentence, emotion, _ = match.groups()
    return Utterance(
        wav=wav,
        key=f"crema_d-{match[0]}",
        raw_emotion=emotion,
        speaker=actor,
        language="en",
        text=SENTENCES.get(sentence, ""),
    )
