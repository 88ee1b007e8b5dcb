"""TESS, the Toronto emotional speech set (Pichora-Fuller & Dupuis 2020, doi:10.5683/SP2/E8H2MF), two women, English.

File names are `SPEAKER_WORD_EMOTION`: `OAF_back_angry` is the older actress (OAF; the younger is YAF) saying "Say the
word back" angrily; `ps` is pleasant surprise, which some copies write out. One file of the release lacks the F:
`OA_bite_neutral`. Folders are not asked, whose names differ between downloads (`OAF_Fear`, `OAF_fear`,
`YAF_pleasant_surprised`, `OAF_Pleasant_surprise`); copies of a file in other folders, as some downloads have, are left
out where they are equal.
"""

import re
from collections.abc import Collection, Iterator
from itertools import product
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Published, Utterance, audio_files, named_files

NAME = re.compile(r"(OA|YA)F?_([a-z]+)_([a-z]+|pleasant_surprised?)", re.IGNORECASE)

SURPRISE = "ps"

WORDS = 200


class TESS(CorpusReader):
    """Reads TESS as it is unpacked."""

    name = "tess"
    title = "TESS, the Toronto emotional speech set"
    licence = "CC BY-NC-ND 4.0"
    source = "https://doi.org/10.5683/SP2/E8H2MF"
    citation = "Pichora-Fuller and Dupuis (2020): Toronto emotional speech set (TESS). Borealis. doi:10.5683/SP2/E8H2MF"
    languages = ("en",)
    published = Published(
        2800,
        2,
        dict.fromkeys(("angry", "disgusted", "fearful", "happy", "neutral", "surprised", "sad"), 400),
        ("OAF", "YAF"),
    )
    emotions = {
        "angry": "angry",
        "disgust": "disgusted",
        "fear": "fearful",
        "happy": "happy",
        "neutral": "neutral",
        "ps": "surprised",
        "sad": "sad",
    }

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of TESS below `root`.

        Raises:
            UserError: a file name does not follow the rule above.
        """
        for wav, match in named_files(root, NAME, "a TESS file name (speaker, word, emotion, as OAF_back_angry)"):
            yield _utterance(wav, match)

    def expected(self, root: Path) -> Collection[str]:
        """Keys of each word that is there, by both speakers in all emotions; words that are not there are one."""
        stems = [match for wav in audio_files(root) if (match := NAME.fullmatch(PurePosixPath(wav).stem))]
        words = sorted({match[2].lower() for match in stems})
        own = {("OAF", "bite", "neutral"): "OA"} if any(match[0].startswith("OA_") for match in stems) else {}
        absent = [f"tess-all of {WORDS - len(words)} words that are not there"] if len(words) < WORDS else []
        spoken = product(self.published.speaker_names, words, self.emotions)
        return [*absent, *(f"tess-{own.get(one, one[0])}_{one[1]}_{one[2]}" for one in spoken)]

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's name tells."""
        match = NAME.fullmatch(PurePosixPath(wav).stem)
        return _utterance(wav, match) if match else None


def _utterance(wav: str, match: re.Match[str]) -> Utterance:
    speaker, word, emotion = match.groups()
    emotion = SURPRISE if "_" in emotion else emotion
    stem = match[0][: match.start(3)] + emotion
    return Utterance(
        wav=wav,
        key=f"tess-{stem}",
        raw_emotion=emotion.lower(),
        speaker=f"{speaker.upper()}F",
        gender="female",
        language="en",
        text=f"Say the word {word.lower()}",
    )
