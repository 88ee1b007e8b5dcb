"""TESS, the Toronto emotional speech set (Pichora-Fuller & Dupuis 2020, doi:10.5683/SP2/E8H2MF), two women, English.

File names are `SPEAKER_WORD_EMOTION`: `OAF_back_angry` is the older actress (OAF; the younger is YAF) saying "Say the
word back" angrily; `ps` is pleasant surprise. One file of the release lacks the F: `OA_bite_neutral`. Copies of a file
in other folders, as some downloads have, are left out where they are equal.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Utterance, named_files

NAME = re.compile(r"(OA|YA)F?_([a-z]+)_([a-z]+)", re.IGNORECASE)


class TESS(CorpusReader):
    """Reads TESS as it is unpacked."""

    name = "tess"
    title = "TESS, the Toronto emotional speech set"
    licence = "CC BY-NC-ND 4.0"
    source = "https://doi.org/10.5683/SP2/E8H2MF"
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

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's name tells."""
        match = NAME.fullmatch(PurePosixPath(wav).stem)
        return _utterance(wav, match) if match else None


def _utterance(wav: str, match: re.Match[str]) -> Utterance:
    speaker, word, emotion = match.groups()
    return Utterance(
        wav=wav,
        key=f"tess-{match[0]}",
        raw_emotion=emotion.lower(),
        speaker=f"{speaker.upper()}F",
        gender="female",
        language="en",
        text=f"Say the word {word.lower()}",
    )
