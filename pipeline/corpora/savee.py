"""SAVEE, Surrey audio-visual expressed emotion (Haq & Jackson 2010), four men, English, seven emotions.

Files are `SPEAKER/EMOTIONNUMBER`, or `SPEAKER_EMOTIONNUMBER` in one folder: `DC/sa03` and `DC_sa03` are speaker DC,
sadness, sentence 3.
"""

import re
from collections.abc import Collection, Iterator
from itertools import product
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Published, Utterance, audio_files
from pipeline.errors import UserError

NAME = re.compile(r"(DC|JE|JK|KL)[_/](sa|su|[adfhn])(\d\d)")


class SAVEE(CorpusReader):
    """Reads SAVEE as it is unpacked."""

    name = "savee"
    title = "SAVEE, Surrey audio-visual expressed emotion"
    licence = "research only, on registration"
    source = "http://kahlan.eps.surrey.ac.uk/savee/"
    citation = (
        "Haq and Jackson (2010): Multimodal emotion recognition. In: Machine Audition: Principles, Algorithms and "
        "Systems, 398-423. IGI Global"
    )
    gated = True
    languages = ("en",)
    published = Published(
        480,
        4,
        {"neutral": 120} | dict.fromkeys(("angry", "disgusted", "fearful", "happy", "sad", "surprised"), 60),
        ("DC", "JE", "JK", "KL"),
    )
    emotions = {
        "a": "angry",
        "d": "disgusted",
        "f": "fearful",
        "h": "happy",
        "n": "neutral",
        "sa": "sad",
        "su": "surprised",
    }

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of SAVEE below `root`.

        Raises:
            UserError: a file name does not follow the rule above.
        """
        for wav in audio_files(root):
            utterance = self.named(wav)
            if utterance is None:
                raise UserError(
                    f"{root / wav}: not a SAVEE file name (speaker, emotion, number, as DC/sa03 or DC_sa03)"
                )
            yield utterance

    def expected(self, root: Path) -> Collection[str]:
        """Keys of 15 sentences of each emotion, and of 30 that are neutral, by each speaker."""
        return [
            f"savee-{speaker}_{emotion}{number:02d}"
            for speaker, emotion in product(self.published.speaker_names, self.emotions)
            for number in range(1, 31 if emotion == "n" else 16)
        ]

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's name tells, maybe with its folder's."""
        path = PurePosixPath(wav)
        match = NAME.fullmatch(path.stem) or NAME.fullmatch(f"{path.parent.name}/{path.stem}")
        if not match:
            return None
        speaker, emotion, number = match.groups()
        return Utterance(
            wav=wav,
            key=f"savee-{speaker}_{emotion}{number}",
            raw_emotion=emotion,
            speaker=speaker,
            gender="male",
            language="en",
        )
