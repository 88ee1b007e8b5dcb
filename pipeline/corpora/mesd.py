"""MESD, the Mexican emotional speech database (Duville et al. 2021, doi:10.17632/cy34mh68j9), Spanish, six emotions.

File names are `EMOTION_VOICE_CORPUS_WORD`: `Anger_C_A_abajo` is anger, a child's voice (C; F and M are a woman's and a
man's), word corpus A, the word "abajo". The names do not say which of the children, women and men speaks, so speakers
are unknown, and only speaker-dependent protocols can be used.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Published, Utterance, named_files

NAME = re.compile(r"([A-Z][a-z]+)_([CFM])_([AB])_(.+)")

GENDERS = {"C": "", "F": "female", "M": "male"}


class MESD(CorpusReader):
    """Reads MESD as it is unpacked."""

    name = "mesd"
    title = "MESD, the Mexican emotional speech database"
    licence = "CC BY 4.0"
    source = "https://doi.org/10.17632/cy34mh68j9"
    citation = (
        "Duville, Alonso-Valerdi and Ibarra-Zarate (2021): Mexican Emotional Speech Database Based on Semantic, "
        "Frequency, Familiarity, Concreteness, and Cultural Shaping of Affective Prosody. Data 6(12), 130. "
        "doi:10.3390/data6120130"
    )
    languages = ("es",)
    published = Published(864, 0, dict.fromkeys(("angry", "disgusted", "fearful", "happy", "neutral", "sad"), 144))
    remark = "version 5 as it is downloaded lacks 2 of the 864, an angry and a neutral one"
    shareable = True
    emotions = {
        "Anger": "angry",
        "Disgust": "disgusted",
        "Fear": "fearful",
        "Happiness": "happy",
        "Neutral": "neutral",
        "Sadness": "sad",
    }

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of MESD below `root`.

        Raises:
            UserError: a file name does not follow the rule above.
        """
        rule = "a MESD file name (emotion, voice, corpus, word, as Anger_C_A_abajo)"
        yield from (_utterance(wav, match) for wav, match in named_files(root, NAME, rule))

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's name tells."""
        match = NAME.fullmatch(PurePosixPath(wav).stem)
        return _utterance(wav, match) if match else None


def _utterance(wav: str, match: re.Match[str]) -> Utterance:
    emotion, voice, _, word = match.groups()
    return Utterance(
        wav=wav,
        key=f"mesd-{match[0]}",
        raw_emotion=emotion,
        gender=GENDERS[voice],
        language="es",
        text=word.replace("_", " "),
    )
