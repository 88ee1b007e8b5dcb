"""Your own recordings: a folder with one subfolder per emotion, or with a CSV that lists them.

Without a table, the emotion is the name of the first folder below the root (`happy/anna/take_1.wav` is happy).
With `table: labels.csv`, each row names a file (column `path`, relative to the root) and its `emotion`; the columns
`speaker`, `gender`, `language`, `text` and `session` are optional. `speaker_pattern`, a regular expression searched
in the relative path, finds the speaker where no column says it: `speaker_pattern: '/([^/]+)/'` takes the second folder.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Utterance, audio_files
from pipeline.corpora.speaker_pattern import speakers
from pipeline.errors import UserError, nearest

COLUMNS = ("path", "emotion", "speaker", "gender", "language", "text", "session")


class Folder(CorpusReader):
    """Reads a folder whose subfolders, or whose table, name the emotions."""

    name = "folder"
    title = "Your own recordings"
    licence = "yours"
    source = "a folder with one subfolder per emotion, or with a CSV that lists its files"
    emotions = {}

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of a folder, by subfolder names or by its table.

        Raises:
            UserError: no audio, a table that does not fit, or a path outside the folder.
        """
        rows = list(_from_table(root, params.table) if params.table else _from_folders(root))
        for row, speaker in zip(rows, _speakers(root, rows, params.speaker_pattern), strict=True):
            yield Utterance(
                wav=row["path"],
                key=str(PurePosixPath(row["path"]).with_suffix("")),
                raw_emotion=row["emotion"],
                speaker=speaker,
                gender=row.get("gender", ""),
                language=row.get("language", "") or params.language,
                text=row.get("text", ""),
                session=row.get("session", ""),
            )


def _speakers(root: Path, rows: Sequence[Mapping[str, str]], pattern: str) -> list[str]:
    """Each row's speaker: its own, else what the pattern finds in its path.

    Raises:
        UserError: the pattern finds none, or does not come to an end.
    """
    known = [row.get("speaker", "") for row in rows]
    asked = [row["path"] for row, speaker in zip(rows, known, strict=True) if not speaker] if pattern else []
    found = dict(zip(asked, speakers(pattern, asked), strict=True)) if asked else {}
    for path, speaker in found.items():
        if not speaker:
            raise UserError(f"{root / path}: speaker_pattern {pattern!r} does not match")
    return [speaker or found.get(row["path"], "") for row, speaker in zip(rows, known, strict=True)]


def _from_folders(root: Path) -> Iterator[dict[str, str]]:
    for wav in audio_files(root):
        parts = PurePosixPath(wav).parts
        if len(parts) < 2:
            raise UserError(f"{root / wav}: lies in no emotion folder; move it into one, or list the files in a table")
        yield {"path": wav, "emotion": parts[0]}


def _from_table(root: Path, table: str) -> Iterator[dict[str, str]]:
    if not root.is_dir():
        raise UserError(f"corpus folder {str(root)!r} does not exist")
    path = root / table
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such table") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text; save the table as UTF-8") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); name a CSV file") from error
    empty = True
    for number, row in _rows(path, text):
        where = f"{path}, line {number}"
        wav = PurePosixPath(row["path"].strip().replace("\\", "/"))
        if wav.is_absolute() or ".." in wav.parts or not wav.name:
            raise UserError(f"{where}: path {row['path']!r} must name a file below the corpus folder")
        if not (root / wav).is_file():
            raise UserError(f"{where}: no such file: {root / wav}")
        empty = False
        yield {**{name: value.strip() for name, value in row.items()}, "path": str(wav)}
    if empty:
        raise UserError(f"{path}: lists no recording")


def _rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table, as column -> value, each with the number of its last line."""
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        names = next(reader, [])
        _check_columns(path, names)
        for values in reader:
            if values and len(values) != len(names):
                raise UserError(f"{path}, line {reader.line_num}: has not the {len(names)} columns of the header")
            if values:
                yield reader.line_num, dict(zip(names, values, strict=True))
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: not CSV ({error}); mend the table") from error


def _check_columns(path: Path, names: list[str]) -> None:
    for name in ("path", "emotion"):
        if name not in names:
            raise UserError(f"{path}: has no column {name!r}; its columns are {', '.join(names) or 'none'}")
    for name in names:
        if name not in COLUMNS:
            raise UserError(f"{path}: unknown column {name!r}{nearest(name, COLUMNS)}; known: {', '.join(COLUMNS)}")
        if names.count(name) > 1:
            raise UserError(f"{path}: column {name!r} stands twice; take one out")
