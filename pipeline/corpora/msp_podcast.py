"""MSP-Podcast (Lotfian & Busso 2019, doi:10.1109/TAFFC.2017.2736999), turns of podcasts, English.

Recordings are `MSP-PODCAST_PODCAST_TURN` (`MSP-PODCAST_0001_0008`), in the release in `Audios`. What raters agreed on
is in `Labels/labels_consensus.csv`, in older releases `labels_concensus.csv`: emotion, activation, valence and
dominance (1 to 7), speaker, gender and part; texts are in `Transcripts`, where that is there. X is no agreement, and
counts as `other`. Test1, Test2 and Test3 are all of the test part; recordings of no row, as those of Test3 whose labels
are hidden (`MSP-PODCAST_test3_0001`), are left out. A session is a podcast.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Utterance, corpus_files, named_files
from pipeline.corpora.own_tables import own_rows, own_tables
from pipeline.corpora.table import read_text
from pipeline.errors import UserError
from pipeline.storage.source import counted

NAME = re.compile(r"MSP-PODCAST_(\d+|test\d)_(\d+)(?:_\d+)*")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
RULE = "an MSP-Podcast file name (podcast and turn, as MSP-PODCAST_0001_0008)"

TABLES = ("labels_consensus.csv", "labels_concensus.csv")
"""the first that is there is taken"""

COLUMNS = ("FileName", "EmoClass", "SpkrID", "Gender", "Split_Set")

TRANSCRIPTS = "Transcripts"

RATED = {"valence": "EmoVal", "arousal": "EmoAct", "dominance": "EmoDom"}
"""dimension -> column, from 1 to 7"""

PARTS = {"train": "train", "development": "validation", "validation": "validation"}
"""part in small letters -> part; those of no entry begin with test"""

UNKNOWN = "unknown"
"""speaker or gender, in small letters"""

Row = Mapping[str, str]
"""of the table, column -> value"""


class MSPPodcast(CorpusReader):
    """Reads MSP-Podcast as it is unpacked."""

    name = "msp_podcast"
    title = "MSP-Podcast"
    licence = "academic use, on signing the university's agreement"
    source = "https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Podcast.html"
    citation = (
        "Lotfian and Busso (2019): Building Naturalistic Emotionally Balanced Speech Corpus by Retrieving Emotional "
        "Speech From Existing Podcast Recordings. IEEE Transactions on Affective Computing 10(4), 471-483. "
        "doi:10.1109/TAFFC.2017.2736999"
    )
    gated = True
    languages = ("en",)
    remark = "each release has more recordings than the last; the table of labels says which"
    dimensions = ("valence", "arousal", "dominance")
    emotions = {
        "A": "angry",
        "C": "contempt",
        "D": "disgusted",
        "F": "fearful",
        "H": "happy",
        "N": "neutral",
        "O": "other",
        "S": "sad",
        "U": "surprised",
        "X": "other",
    }

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of MSP-Podcast below `root` that have a label.

        Raises:
            UserError: a file name does not follow the rule above, or the table is missing or damaged.
        """
        files = [*named_files(root, NAME, RULE)]
        rows, transcripts = _rows(root), _transcripts(root)
        for wav, match in files:
            if match[0] in rows:
                text = _text(transcripts[match[0]]) if match[0] in transcripts else ""
                yield replace(_utterance(wav, match, rows[match[0]]), text=text)

    def notes(self, root: Path, params: CorpusParams) -> list[str]:
        """How many recordings have no label."""
        rows = _rows(root)
        count = sum(match[0] not in rows for _, match in named_files(root, NAME, RULE))
        return [f"left out: {counted(count, 'recording')} that the table of labels has no row of"] if count else []

    def expected(self, root: Path) -> Collection[str]:
        """Keys of the rows of the table."""
        return [f"msp_podcast-{stem}" for stem in _rows(root)]

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's name tells, without what the table says."""
        match = NAME.fullmatch(PurePosixPath(wav).stem)
        return _utterance(wav, match, {}) if match else None


def _rows(root: Path) -> dict[str, Row]:
    """File name without suffix -> row of the table.

    Raises:
        UserError: there is none, or it is damaged.
    """
    tables = own_tables(root, TABLES)
    path = next((tables[name] for name in TABLES if name in tables), None)
    if path is None:
        raise UserError(f"{root}: MSP-Podcast's Labels/{TABLES[0]} is not there; put it back")
    return {PurePosixPath(row["FileName"]).stem: row for row in own_rows(path, COLUMNS)}


def _transcripts(root: Path) -> dict[str, Path]:
    """File name without suffix -> text file of the folder with transcripts."""
    files = map(PurePosixPath, corpus_files(root))
    return {file.stem: root / file for file in files if file.parent.name == TRANSCRIPTS and file.suffix == ".txt"}


def _text(path: Path) -> str:
    """What is said.

    Raises:
        UserError: the file is no text.
    """
    return " ".join(read_text(path)[0].split())


def _utterance(wav: str, match: re.Match[str], row: Row) -> Utterance:
    part = row.get("Split_Set", "").lower()
    return Utterance(
        wav=wav,
        key=f"msp_podcast-{match[0]}",
        raw_emotion=row.get("EmoClass", ""),
        speaker=_known(row.get("SpkrID", "")),
        gender=_known(row.get("Gender", "")).lower(),
        language="en",
        session=match[1] if match[1].isdecimal() else "",
        dimensions=_dimensions(row),
        part=PARTS.get(part, "test" if part.startswith("test") else ""),
    )


def _dimensions(row: Row) -> dict[str, float]:
    """The raters' means; of columns that are there and hold a number."""
    return {name: float(row[column]) for name, column in RATED.items() if NUMBER.fullmatch(row.get(column, ""))}


def _known(value: str) -> str:
    """A speaker or gender; "" where it is unknown."""
    return "" if value.lower() == UNKNOWN else value
