"""EMOVO (Costantini et al. 2014, LREC), three women and three men, Italian, seven emotions.

File names are `EMOTION-SPEAKER-SENTENCE`: `rab-m2-l3` is anger (rabbia), speaker m2, sentence l3.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Published, Utterance, named_files

NAME = re.compile(r"([a-z]{3})-([fm]\d)-([a-z]\d)")


class EMOVO(CorpusReader):
    """Reads EMOVO as it is unpacked."""

    name = "emovo"
    title = "EMOVO, Italian emotional speech"
    licence = "none stated; free to download"
    source = "http://voice.fub.it/activities/corpora/emovo/index.html"
    citation = (
        "Costantini, Iadarola, Paoloni and Todisco (2014): EMOVO corpus: an Italian emotional speech database. "
        "LREC, 3501-3504"
    )
    languages = ("it",)
    published = Published(
        588,
        6,
        dict.fromkeys(("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised"), 84),
        ("f1", "f2", "f3", "m1", "m2", "m3"),
    )
    emotions = {
        "dis": "disgusted",
        "gio": "happy",
        "neu": "neutral",
        "pau": "fearful",
        "rab": "angry",
        "sor": "surprised",
        "tri": "sad",
    }

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of EMOVO below `root`.

        Raises:
            UserError: a file name does not follow the rule above.
        """
        rule = "an EMOVO file name (emotion, speaker, sentence, as rab-m2-l3)"
        yield from (_utterance(wav, match) for wav, match in named_files(root, NAME, rule))

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's name tells."""
        match = NAME.fullmatch(PurePosixPath(wav).stem)
        return _utterance(wav, match) if match else None


def _utterance(wav: str, match: re.Match[str]) -> Utterance:
    emotion, speaker, _ = match.groups()
    return Utterance(
        wav=wav,
        key=f"emovo-{match[0]}",
        raw_emotion=emotion,
        speaker=speaker,
        gender="female" if speaker[0] == "f" else "male",
        language="it",
    )
