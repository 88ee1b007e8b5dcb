"""AESDD, the acted emotional speech dynamic database (Vryzas et al. 2018), six actors, Greek, five emotions.

File names are `EMOTIONUTTERANCE (ACTOR)TAKE`: `f18 (5)` and `f18 (5)b` are fear, utterance 18, actor 5, twice; actor 1
is written `(01)` here and there. The authors say that three of the first five actors are women and two men, and not
which, so genders are unknown. `s05 (3).wav` of the release is no sound file: `on_bad_audio: skip` leaves it out.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Published, Utterance, named_files

NAME = re.compile(r"([adfhs])(\d\d) ?\((\d{1,2})\) ?([a-z]?)")


class AESDD(CorpusReader):
    """Reads AESDD as it is unpacked."""

    name = "aesdd"
    title = "AESDD, the acted emotional speech dynamic database"
    licence = "none stated; free to download for research"
    source = "http://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/"
    citation = (
        "Vryzas, Kotsakis, Liatsou, Dimoulas and Kalliris (2018): Speech emotion recognition for performance "
        "interaction. Journal of the Audio Engineering Society 66(6), 457-467"
    )
    languages = ("el",)
    published = Published(
        605,
        6,
        {"angry": 121, "disgusted": 122, "fearful": 120, "happy": 119, "sad": 123},
        ("1", "2", "3", "4", "5", "6"),
    )
    remark = "s05 (3).wav of the release is no sound file; the corpus is meant to grow"
    emotions = {"a": "angry", "d": "disgusted", "f": "fearful", "h": "happy", "s": "sad"}

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of AESDD below `root`.

        Raises:
            UserError: a file name does not follow the rule above.
        """
        rule = "an AESDD file name (emotion, utterance, actor, as a03 (4))"
        yield from (_utterance(wav, match) for wav, match in named_files(root, NAME, rule))

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's name tells."""
        match = NAME.fullmatch(PurePosixPath(wav).stem)
        return _utterance(wav, match) if match else None


def _utterance(wav: str, match: re.Match[str]) -> Utterance:
    emotion, number, actor, take = match.groups()
    return Utterance(
        wav=wav,
        key=f"aesdd-{emotion}{number}-{int(actor)}{take}",
        raw_emotion=emotion,
        speaker=str(int(actor)),
        language="el",
    )
