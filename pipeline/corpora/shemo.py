"""ShEMO, the Sharif emotional speech database (Mohamad Nezami et al. 2019), 87 speakers of radio plays, Persian.

File names are `SPEAKEREMOTIONNUMBER`: `F21N05` is woman 21, neutral (N), her fifth neutral utterance. Emotions are A
(anger), F (fear), H (happiness), N (neutral), S (sadness) and W (surprise). Texts are in `shemo.json`, where it is
there. Yazdani's corrected release has `modified_shemo.json` in its place: of 163 recordings, it finds that the label
belongs to another's text, and its label is the one that is taken.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.corpora.base import CorpusParams, CorpusReader, Published, Utterance, corpus_files, named_files
from pipeline.errors import UserError
from pipeline.paths import check_fetched, read_bounded

NAME = re.compile(r"([FM]\d\d)([AFHNSW])\d{2,3}")

LETTERS = {"anger": "A", "fear": "F", "happiness": "H", "neutral": "N", "sadness": "S", "surprise": "W"}
"""emotion as the JSON files write it -> letter"""

LISTS = ("modified_shemo.json", "shemo.json")
"""the first that is there is taken"""


class ShEMO(CorpusReader):
    """Reads ShEMO as it is unpacked."""

    name = "shemo"
    title = "ShEMO, the Sharif emotional speech database"
    licence = "academic use, free of charge"
    source = "https://github.com/pariajm/sharif-emotional-speech-dataset"
    citation = (
        "Mohamad Nezami, Jamshid Lou and Karami (2019): ShEMO: a large-scale validated database for Persian speech "
        "emotion detection. Language Resources and Evaluation 53(1), 1-16. doi:10.1007/s10579-018-9427-x"
    )
    languages = ("fa",)
    published = Published(3000, 87)
    emotions = {"A": "angry", "F": "fearful", "H": "happy", "N": "neutral", "S": "sad", "W": "surprised"}

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of ShEMO below `root`.

        Raises:
            UserError: a file name does not follow the rule above, or the JSON file is damaged.
        """
        rule = "a ShEMO file name (gender and speaker, emotion, number, as F21N05)"
        matches = [*named_files(root, NAME, rule)]
        told = _told(root)
        for wav, match in matches:
            utterance, own = _utterance(wav, match), told.get(match[0], {})
            letter = LETTERS.get(str(own.get("emotion", "")).lower(), utterance.raw_emotion)
            yield replace(utterance, raw_emotion=letter, text=str(own.get("transcript", "")).strip())

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's name tells, without its text."""
        match = NAME.fullmatch(PurePosixPath(wav).stem)
        return _utterance(wav, match) if match else None


def _utterance(wav: str, match: re.Match[str]) -> Utterance:
    speaker, emotion = match.groups()
    return Utterance(
        wav=wav,
        key=f"shemo-{match[0]}",
        raw_emotion=emotion,
        speaker=speaker,
        gender="female" if speaker.startswith("F") else "male",
        language="fa",
    )


def _told(root: Path) -> dict[str, Mapping[str, Any]]:
    """File name without suffix -> what a JSON file of the release says of it; nothing where there is none.

    Raises:
        UserError: the file is damaged.
    """
    files = {PurePosixPath(name).name: root / name for name in reversed(corpus_files(root))}
    path = next((files[name] for name in LISTS if name in files), None)
    if path is None:
        return {}
    check_fetched(path)
    try:
        entries = json.loads(read_bounded(path))
        return {name.removesuffix(".wav"): {**entry} for name, entry in entries.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path}: is no list of ShEMO's recordings ({error}); download it anew") from error
