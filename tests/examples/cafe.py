"""CaFE, Canadian French emotional speech (Gournay et al. 2018, doi:10.5281/zenodo.1478765), twelve actors, French.

File names are `ACTOR-EMOTION-INTENSITY-SENTENCE`: `01-C-2-4` is actor 01, anger (C, colère), strong, sentence 4.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora.base import CorpusParams, CorpusReader, Utterance, named_files

NAME = re.compile(r"(\d\d)-([CDJNPST])-([12])-([1-6])")


class CaFE(CorpusReader):
    """Reads CaFE as it is unpacked."""

    name = "cafe"
    title = "CaFE, Canadian French emotional speech"
    licence = "CC BY-NC-SA 4.0"
    source = "https://doi.org/10.5281/zenodo.1478765"
    emotions = {
        "C": "angry",
        "D": "disgusted",
        "J": "happy",
        "N": "neutral",
        "P": "fearful",
        "S": "surprised",
        "T": "sad",
    }

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of CaFE below `root`.

        Raises:
            UserError: a file name does not follow the rule above.
        """
        for wav, match in named_files(root, NAME, "a CaFE file name (as 01-C-2-4)"):
            actor, emotion, _, _ = match.groups()
            yield Utterance(wav=wav, key=f"cafe-{match[0]}", raw_emotion=emotion, speaker=actor, language="fr")
