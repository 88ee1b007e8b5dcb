"""MELD, the multimodal EmotionLines dataset (Poria et al. 2019, arXiv:1810.02508), a television series, English.

Utterance 3 of dialogue 12 is `dia12_utt3` in a folder of its part (`train_splits`, `dev_splits_complete`,
`output_repeated_splits_test`, or any whose name has train, dev or test), or `train_dia12_utt3` anywhere; dialogues are
numbered anew in each part. Labels, speakers and texts are in `train_sent_emo.csv`, `dev_sent_emo.csv` and
`test_sent_emo.csv`, wherever these lie. A session is an episode.

The release has video (.mp4), from which one takes the sound: `ffmpeg -i dia12_utt3.mp4 -ac 1 -ar 16000 dia12_utt3.wav`.
Files of no row are left out, and so are the second versions of some test files, `final_videos_testdia12_utt3`, where
there is a first.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Published, Utterance, named_files
from pipeline.corpora.own_tables import own_rows, own_tables
from pipeline.errors import UserError
from pipeline.storage.source import counted

NAME = re.compile(r"(?:(train|dev|test)_)?(final_videos_test)?(dia\d+_utt\d+)")
RULE = "a MELD file name (dialogue and utterance, as dia12_utt3)"

PART = re.compile(r"train|dev|test")

TABLES = {"train_sent_emo.csv": "train", "dev_sent_emo.csv": "dev", "test_sent_emo.csv": "test"}
COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")

LACKING = ("meld-train-dia125_utt3", "meld-dev-dia110_utt7")
"""keys of rows of whose recordings one is broken in the release, and one not there"""

WINDOWS = {code: bytes([code]).decode("cp1252", errors="ignore") for code in range(0x80, 0xA0)}
"""what stands in the tables for quotes and dashes"""

Row = Mapping[str, str]
"""of a table, column -> value"""


class MELD(CorpusReader):
    """Reads MELD as it is unpacked, its video made sound."""

    name = "meld"
    title = "MELD, the multimodal EmotionLines dataset"
    licence = "GPL 3.0, as the authors' repository says; the series is its owners'"
    source = "https://affective-meld.github.io"
    citation = (
        "Poria, Hazarika, Majumder, Naik, Cambria and Mihalcea (2019): MELD: A Multimodal Multi-Party Dataset for "
        "Emotion Recognition in Conversations. ACL, 527-536. arXiv:1810.02508"
    )
    languages = ("en",)
    published = Published(
        13708,
        0,
        {
            "angry": 1607,
            "disgusted": 361,
            "fearful": 358,
            "happy": 2308,
            "neutral": 6436,
            "sad": 1002,
            "surprised": 1636,
        },
    )
    remark = "the release has no sound for 2 of the 13708: dia125_utt3 of train, dia110_utt7 of dev"
    emotions = {
        "anger": "angry",
        "disgust": "disgusted",
        "fear": "fearful",
        "joy": "happy",
        "neutral": "neutral",
        "sadness": "sad",
        "surprise": "surprised",
    }

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the utterances of MELD below `root` that have a label.

        Raises:
            UserError: a file name does not follow the rule above, a file's part is not to be told, or a table is
                missing or damaged.
        """
        files = [*named_files(root, NAME, RULE)]
        rows = _rows(root)
        firsts = {_key(wav, match, root) for wav, match in files if not match[2]}
        for wav, match in files:
            key = _key(wav, match, root)
            if key in rows and not (match[2] and key in firsts):
                yield _utterance(wav, key, rows[key])

    def notes(self, root: Path, params: CorpusParams) -> list[str]:
        """How many files have no label, and how many are second versions."""
        files = [*named_files(root, NAME, RULE)]
        rows = _rows(root)
        keys = {wav: _key(wav, match, root) for wav, match in files}
        firsts = {keys[wav] for wav, match in files if not match[2]}
        unlabelled = sum(key not in rows for key in keys.values())
        second = sum(bool(match[2]) and keys[wav] in firsts and keys[wav] in rows for wav, match in files)
        return [
            *([f"left out: {counted(unlabelled, 'file')} that MELD's tables have no row of"] if unlabelled else []),
            *([f"left out: {counted(second, 'second version')} of test files (final_videos_test)"] if second else []),
        ]

    def expected(self, root: Path) -> Collection[str]:
        """Keys of the rows of the tables, without those that have no sound; a table that is not there is one itself."""
        absent = TABLES.keys() - own_tables(root, TABLES).keys()
        keys = [key for key in _rows(root) if key not in LACKING]
        return [*keys, *(f"meld-all of {name}, which is not there" for name in sorted(absent))]

    def named(self, wav: str) -> Utterance | None:
        """The utterance that a file's path tells, without its emotion, speaker and text; the part must be told too."""
        match = NAME.fullmatch(PurePosixPath(wav).stem)
        part = _part(wav, match) if match else ""
        return _utterance(wav, f"meld-{part}-{match[3]}", {}) if match and part else None


def _part(wav: str, match: re.Match[str]) -> str:
    """train, dev or test: of the file's name, else of the nearest folder that says one; "" where none does."""
    folders = (PART.search(folder.lower()) for folder in reversed(PurePosixPath(wav).parts[:-1]))
    return match[1] or next((found[0] for found in folders if found), "test" if match[2] else "")


def _key(wav: str, match: re.Match[str], root: Path) -> str:
    part = _part(wav, match)
    if not part:
        raise UserError(
            f"{root / wav}: neither its folder nor its name says train, dev or test, and dialogues are numbered anew "
            f"in each; put it into such a folder, or name it as train_{match[3]}"
        )
    return f"meld-{part}-{match[3]}"


def _rows(root: Path) -> dict[str, Row]:
    """Key -> row of the tables.

    Raises:
        UserError: there is none, or one is damaged.
    """
    tables = own_tables(root, TABLES)
    if not tables:
        names: Sequence[str] = [*TABLES]
        raise UserError(f"{root}: MELD's tables are not there ({', '.join(names)}); put them beside the recordings")
    return {
        f"meld-{TABLES[name]}-dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}": row
        for name, path in sorted(tables.items())
        for row in own_rows(path, COLUMNS)
    }


def _utterance(wav: str, key: str, row: Row) -> Utterance:
    part = key.split("-")[1]
    episode = f"s{int(row['Season']):02d}e{int(row['Episode']):02d}" if _has_episode(row) else ""
    return Utterance(
        wav=wav,
        key=key,
        raw_emotion=row.get("Emotion", ""),
        speaker=row.get("Speaker", ""),
        language="en",
        text=row.get("Utterance", "").translate(WINDOWS),
        session=episode,
        part="validation" if part == "dev" else part,
    )


def _has_episode(row: Row) -> bool:
    return row.get("Season", "").isdecimal() and row.get("Episode", "").isdecimal()
