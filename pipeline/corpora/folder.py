"""Your own recordings: a folder with one subfolder per emotion, or with a CSV that lists them.

Without a table, the emotion is the name of the first folder below the root (`happy/anna/take_1.wav` is happy).
With `table: labels.csv`, each row names a file (column `path`, relative to the root) and its `emotion`; the columns
`speaker`, `gender`, `language`, `text`, `session` and `part` (train, validation, test) are optional, and ratings
(`pipeline.corpora.ratings`), which may stand in the place of emotions. With `start` and
`end` (s), or one of them, a row is a part of its file: `talk#00001500-00002250` is the key of what lies from 1.5 to
2.25 s in talk.wav. Parts that overlap are held for one recording wherever a corpus is split. `columns:
{path: file, emotion: label}` says what the table calls its columns. `speaker_pattern`,
a regular expression searched in the relative path, finds the speaker where no column says it: `speaker_pattern:
'/([^/]+)/'` takes the second folder.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from pipeline.corpora import table
from pipeline.corpora.base import CorpusParams, CorpusReader, Utterance, audio_files
from pipeline.corpora.ratings import RatingColumns
from pipeline.corpora.speaker_pattern import speakers
from pipeline.corpora.spellings import complaint, spellings
from pipeline.errors import UserError


class Folder(CorpusReader):
    """Reads a folder whose subfolders, or whose table, name the emotions."""

    name = "folder"
    title = "Your own recordings"
    licence = "yours"
    source = "a folder with one subfolder per emotion, or with a CSV that lists its files"
    emotions = {}
    dimensions = ("valence", "arousal", "dominance")

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of a folder, by subfolder names or by its table.

        Raises:
            UserError: no audio, a table that does not fit, or a path outside the folder.
        """
        ratings = RatingColumns.of(params.dimensions, params.emotions)
        rows = [*_from_folders(root)] if not params.table else _listed(root, params, ratings)
        for row, speaker in zip(rows, _speakers(root, rows, params.speaker_pattern), strict=True):
            start, end = table.bounds(row)
            yield Utterance(
                wav=row["path"],
                key=table.key(row),
                raw_emotion=row["emotion"],
                speaker=speaker,
                gender=row.get("gender", ""),
                language=row.get("language", "") or params.language,
                text=row.get("text", ""),
                session=row.get("session", ""),
                part=row.get("part", ""),
                start=start,
                end=end,
                where=row.get("where", ""),
                absent=row.get("missing", ""),
                dimensions=ratings.dimensions_of(row),
                votes=ratings.votes_of(row),
            )

    def notes(self, root: Path, params: CorpusParams) -> list[str]:
        """What was decided on the encoding of the table, where it is no Unicode and no encoding is given."""
        if not params.table or params.encoding:
            return []
        note = table.encoding_note(root / params.table)
        return [note] if note else []


def _listed(root: Path, params: CorpusParams, ratings: RatingColumns) -> list[dict[str, str]]:
    complete = not params.skips
    return table.read_table(root, params.table, params.encoding, params.columns, ratings, complete=complete)


def _speakers(root: Path, rows: Sequence[Mapping[str, str]], pattern: str) -> list[str]:
    """Each row's speaker: its own, else what the pattern finds in its path.

    Raises:
        UserError: the pattern finds none, or does not come to an end, or a speaker is written in several ways.
    """
    known = [row.get("speaker", "") for row in rows]
    asked = [row["path"] for row, speaker in zip(rows, known, strict=True) if not speaker] if pattern else []
    composed = [_composed(path) for path in asked]
    found = dict(zip(asked, speakers(_composed(pattern), composed), strict=True)) if asked else {}
    for path, speaker in found.items():
        if not speaker:
            raise UserError(f"{root / path}: speaker_pattern {pattern!r} does not match")
    every = [speaker or found.get(row["path"], "") for row, speaker in zip(rows, known, strict=True)]
    if ways := spellings(zip(every, (row["path"] for row in rows), strict=True)):
        raise UserError("\n".join(f"{root}: {complaint(each)}" for each in ways[: table.SHOWN]))
    return every


def _from_folders(root: Path) -> Iterator[dict[str, str]]:
    for wav in audio_files(root):
        parts = PurePosixPath(wav).parts
        if len(parts) < 2:
            raise UserError(f"{root / wav}: lies in no emotion folder; move it into one, or list the files in a table")
        yield {"path": wav, "emotion": parts[0]}


def _composed(text: str) -> str:
    """Text in one normal form of Unicode: file names of macOS are in another than what people type."""
    return unicodedata.normalize("NFC", text)
