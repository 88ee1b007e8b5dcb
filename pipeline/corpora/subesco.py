"""SUBESCO (Sultana et al. 2021, doi:10.1371/journal.pone.0250173), ten women and ten men, Bangla, seven emotions.

File names are `GENDER_NUMBER_NAME_S_SENTENCE_EMOTION_TAKE`: `F_02_MONIKA_S_1_NEUTRAL_5` is the second woman, sentence
1, neutral, take 5. Numbers begin anew with each gender. One file of the release has a bracket too many:
`F_02_MONIKA_S_2_SURPRISE_3].wav`.
"""

import re
from collections.abc import Collection, Iterator
from itertools import product
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Published, Utterance, named_files

NAME = re.compile(r"(([FM])_(\d\d)_[A-Z]+_S_\d{1,2}_([A-Z]+)_\d)\]?")

ACTORS = {
    "F": ["OISHI", "MONIKA", "SMITA", "SWARNALI", "MOUNI", "SIMI", "TITHI", "JOYEETA", "CHAITY", "FAHMEE"],
    "M": ["BASHIR", "NIPUN", "ILIAS", "BIBHAS", "DURANTO", "SHUKANTO", "SIBLY", "PRASUN", "SHUMANTA", "EVAN"],
}
"""gender -> names, in the order of their numbers"""

SENTENCES = 10
TAKES = 5


class SUBESCO(CorpusReader):
    """Reads SUBESCO as it is unpacked."""

    name = "subesco"
    title = "SUBESCO, the SUST Bangla emotional speech corpus"
    licence = "CC BY 4.0"
    source = "https://doi.org/10.5281/zenodo.4526477"
    citation = (
        "Sultana, Rahman, Selim and Iqbal (2021): SUST Bangla Emotional Speech Corpus (SUBESCO): An audio-only "
        "emotional speech corpus for Bangla. PLoS ONE 16(4): e0250173. doi:10.1371/journal.pone.0250173"
    )
    languages = ("bn",)
    published = Published(
        7000,
        20,
        dict.fromkeys(("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised"), 1000),
        tuple(f"{gender}_{number:02d}" for gender in "FM" for number in range(1, 11)),
    )
    shareable = True
    emotions = {
        "ANGRY": "angry",
        "DISGUST": "disgusted",
        "FEAR": "fearful",
        "HAPPY": "happy",
        "NEUTRAL": "neutral",
        "SAD": "sad",
        "SURPRISE": "surprised",
    }

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of SUBESCO below `root`.

        Raises:
            UserError: a file name does not follow the rule above.
        """
        rule = "a SUBESCO file name (gender, number, name, sentence, emotion, take, as F_02_MONIKA_S_1_NEUTRAL_5)"
        yield from (_utterance(wav, match) for wav, match in named_files(root, NAME, rule))

    def expected(self, root: Path) -> Collection[str]:
        """Keys of all sentences in all emotions, five times each, by every actor."""
        actors = [f"{gender}_{i:02d}_{name}" for gender, names in ACTORS.items() for i, name in enumerate(names, 1)]
        takes = product(actors, range(1, SENTENCES + 1), self.emotions, range(1, TAKES + 1))
        return [f"subesco-{actor}_S_{sentence}_{emotion}_{take}" for actor, sentence, emotion, take in takes]

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's name tells."""
        match = NAME.fullmatch(PurePosixPath(wav).stem)
        return _utterance(wav, match) if match else None


def _utterance(wav: str, match: re.Match[str]) -> Utterance:
    stem, gender, number, emotion = match.groups()
    return Utterance(
        wav=wav,
        key=f"subesco-{stem}",
        raw_emotion=emotion,
        speaker=f"{gender}_{number}",
        gender="female" if gender == "F" else "male",
        language="bn",
    )
