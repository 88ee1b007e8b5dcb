"""EmoDB, the Berlin Database of Emotional Speech (Burkhardt et al. 2005), German, seven emotions.

File names are `SSTTTEV`: speaker (two digits), text (a letter and two digits), emotion letter, version letter:
`03a01Fa` is speaker 03, text a01, happiness (F, Freude), version a. Speakers 03, 10, 11, 12 and 15 are male.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Published, Utterance, named_files

NAME = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-z]?)")

MALE = {"03", "10", "11", "12", "15"}

TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}


class EmoDB(CorpusReader):
    """Reads EmoDB as it is unpacked."""

    name = "emodb"
    title = "EmoDB, the Berlin database of emotional speech"
    # Of its record at Zenodo, doi:10.5281/zenodo.7447302; db.yaml in the archive there says CC0-1.0, which asks less.
    licence = "CC BY 4.0"
    source = "http://emodb.bilderbar.info"
    citation = (
        "Burkhardt, Paeschke, Rolfes, Sendlmeier and Weiss (2005): A database of German emotional speech. "
        "Interspeech, 1517-1520"
    )
    languages = ("de",)
    published = Published(
        535,
        10,
        {"angry": 127, "bored": 81, "disgusted": 46, "fearful": 69, "happy": 71, "neutral": 79, "sad": 62},
        ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16"),
    )
    shareable = True
    emotions = {
        "W": "angry",
        "L": "bored",
        "E": "disgusted",
        "A": "fearful",
        "F": "happy",
        "T": "sad",
        "N": "neutral",
    }

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of EmoDB below `root`.

        Raises:
            UserError: a file name does not follow the rule above.
        """
        rule = "an EmoDB file name (speaker, text, emotion, version, as 03a01Fa)"
        yield from (_utterance(wav, match) for wav, match in named_files(root, NAME, rule))

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's name tells."""
        match = NAME.fullmatch(PurePosixPath(wav).stem)
        return _utterance(wav, match) if match else None


def _utterance(wav: str, match: re.Match[str]) -> Utterance:
    speaker, text, emotion, _ = match.groups()
    return Utterance(
        wav=wav,
        key=f"emodb-{match[0]}",
        raw_emotion=emotion,
        speaker=speaker,
        gender="male" if speaker in MALE else "female",
        language="de",
        text=TEXTS.get(text, ""),
    )
