"""Folders of Hugging Face's `datasets` library, in the layout `audiofolder`.

As the library's documentation has it ("Create an audio dataset"): a file `metadata.csv`, `metadata.jsonl` or
`metadata.parquet` names each recording in `file_name`, relative to itself, beside any other columns. Without one, the
last folder that a file is in is its label, and one before it is a split's. Folders that are named as a split (train,
validation, test, and the library's other words for them) say the part. Columns called as here (emotion, speaker,
gender, language, text, session, part, start, end) are taken, and others where `columns: {emotion: label}` says so.
Numbers are in columns called valence, arousal, dominance, or as the corpus's `dimensions`; a row with one needs no
emotion.

What `save_to_disk` writes, or a hub's Parquet files, have recordings inside: `ser unpack` writes them in this layout.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.audio.segments import bounds_problem
from pipeline.corpora.arrow import parquet_rows
from pipeline.corpora.base import COLUMNS, CorpusParams, CorpusReader, Utterance, audio_files, corpus_files
from pipeline.corpora.fold_lists import SPELLINGS
from pipeline.corpora.listed_files import Names, located, mistake
from pipeline.corpora.ratings import DIMENSIONS, RatingColumns, number_columns
from pipeline.corpora.table import bounds, key, read_text
from pipeline.errors import UserError, nearest

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
FILE_NAME = "file_name"
SPLITS = {**SPELLINGS, "eval": "test", "evaluation": "test"}
"""names of splits' folders -> the part; the library tests on what it finds as `evaluation`"""
PACKED = (".arrow", ".parquet")
"""suffixes of files that have recordings inside"""

Values = dict[str, str]
"""column -> value, of a row"""


class HFDatasets(CorpusReader):
    """Reads a folder in the layout `audiofolder`."""

    name = "hf_datasets"
    title = "A folder of Hugging Face's datasets"
    licence = "as its README.md says"
    source = "https://huggingface.co/datasets, or a folder with metadata.csv or metadata.jsonl"
    emotions = {}
    dimensions = ("valence", "arousal", "dominance")

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings that metadata files name, or those in folders of labels.

        Raises:
            UserError: recordings are inside of other files, there is neither metadata nor a folder of labels, metadata
                cannot be read or have not the columns, or a row names no file below the root, or has text for a number;
                file and line are named.
        """
        files = corpus_files(root)
        tables = [name for name in files if PurePosixPath(name).name in METADATA]
        if not tables:
            check_unpacked(root, files)
        for row in _listed(root, tables, params) if tables else _in_folders(root):
            yield _utterance(row, params)


def check_unpacked(root: Path, files: Iterable[str]) -> None:
    """Refuse a folder whose recordings are inside of other files.

    Args:
        root: the folder.
        files: of it, relative to it.

    Raises:
        UserError: there is a file that has recordings inside; it is named.
    """
    if packed := next((name for name in files if name.endswith(PACKED)), None):
        raise UserError(
            f"{root / packed}: has the recordings inside; `ser unpack {root} NEW_FOLDER` writes them as files; give "
            "NEW_FOLDER then, which the reader hf_datasets reads"
        )


def _listed(root: Path, tables: Iterable[str], params: CorpusParams) -> Iterator[Values]:
    """The rows of metadata files, column as it is called here -> value; `path` is relative to the root.

    Raises:
        UserError: as `HFDatasets.read`.
    """
    names = Names()
    for table in tables:
        rows, ratings = _rated_rows(root / table, params)
        for number, row in rows:
            where = f"{table}, line {number}"
            given = str(PurePosixPath(table).parent / row["path"].replace("\\", "/"))
            try:
                row["path"], row["absent"] = located(root, given, names, params.skips)
                for problem in ratings.problems(row):
                    raise ValueError(problem)
                if problem := bounds_problem(*bounds(row)):
                    raise ValueError(problem)
            except (ValueError, OSError) as error:
                raise UserError(f"{root}/{where}: {mistake(error, given, names)}") from error
            if not row.setdefault("emotion", "") and not ratings.rated(row):
                raise UserError(f"{root}/{where}: has no emotion; name one, or take the row out")
            yield {"part": _split(row["path"]), **row, "where": where}


def _rated_rows(path: Path, params: CorpusParams) -> tuple[list[tuple[int, Values]], RatingColumns]:
    """The line of each row, and what of it is known here; and which of that are numbers."""
    given = [*_rows(path)]
    wanted = {name: params.columns.get(name, name) for name in (*DIMENSIONS, *params.dimensions)}
    numbers = number_columns([row for _, row in given], wanted)
    rows = [(number, _known(path, number, row, params.columns, numbers)) for number, row in given]
    return rows, RatingColumns([*numbers])


def _known(
    path: Path, number: int, row: Mapping[str, Any], called: Mapping[str, str], numbers: Mapping[str, str]
) -> Values:
    """What of a row is known here: as it is called here -> value."""
    names = {FILE_NAME: "path"} | {name: name for name in COLUMNS if name not in ("path", *called)}
    names |= {theirs: ours for ours, theirs in called.items() if ours in COLUMNS}
    names |= {theirs: ours for ours, theirs in numbers.items()}
    labelled = "emotion" in called or numbers
    for theirs in (FILE_NAME, *called.values(), *(() if labelled else ("emotion",))):
        if theirs not in row:
            own = ", ".join(row)[:200]
            cure = "mend `columns`" if theirs in called.values() else "`columns: {emotion: NAME}` says which it is"
            cure = "it names the recording" if theirs == FILE_NAME else cure
            raise UserError(f"{path}, line {number}: has no {theirs!r}{nearest(theirs, row)}; it has {own}; {cure}")
    return {ours: _text(path, number, row[theirs]) for theirs, ours in names.items() if theirs in row}


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows of a metadata file, each with its line, as if the columns' names were on the first of a Parquet file."""
    if path.suffix == ".parquet":
        return enumerate(parquet_rows(path), 2)
    return _csv_rows(path) if path.suffix == ".csv" else _json_rows(path)


def _csv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.reader(io.StringIO(read_text(path)[0], newline=""), strict=True)
    try:
        names = next(reader, [])
        for values in filter(None, reader):
            if len(values) != len(names):
                raise UserError(f"{path}, line {reader.line_num}: has not the {len(names)} columns of the header")
            yield reader.line_num, dict(zip(names, values, strict=True))
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: not CSV ({error}); mend it") from error


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(read_text(path)[0].split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UserError(f"{path}, line {number}: not JSON ({str(error)[:80]}); mend it") from error
            if not isinstance(row, dict):
                raise UserError(f"{path}, line {number}: is no JSON object; mend it")
            yield number, row


def _text(path: Path, number: int, value: Any) -> str:
    """A value as text: whole numbers may name a speaker or a class."""
    if value is None or isinstance(value, str) or value != value:  # a table of pandas has NaN for nothing
        return (value or "").strip() if value is None or isinstance(value, str) else ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise UserError(f"{path}, line {number}: {str(value)[:40]!r} should be text or a number; mend it")


def _in_folders(root: Path) -> Iterator[Values]:
    """The files in folders of labels, inside those of splits; without splits, they are the folder reader's."""
    for wav in audio_files(root):
        label, part = PurePosixPath(wav).parent.name, _split(wav)
        if not part or label.casefold() in SPLITS:
            raise UserError(
                f"{root / wav}: lies in no folder of a label in one of a split (as train/happy), and there is no "
                f"{' or '.join(METADATA)}; add one, or take the reader folder"
            )
        yield {"path": wav, "emotion": label, "part": part}


def _split(wav: str) -> str:
    """The part that the first folder named as a split says; "" where none is."""
    folders = PurePosixPath(wav).parts[:-1]
    return next((SPLITS[folder.casefold()] for folder in folders if folder.casefold() in SPLITS), "")


def _utterance(row: Values, params: CorpusParams) -> Utterance:
    start, end = bounds(row)
    part = row.get("part", "")
    return Utterance(
        wav=row["path"],
        key=key(row),
        raw_emotion=row["emotion"],
        speaker=row.get("speaker", ""),
        gender=row.get("gender", ""),
        language=row.get("language", "") or params.language,
        text=row.get("text", ""),
        session=row.get("session", ""),
        part=SPLITS.get(part.casefold(), part),
        start=start,
        end=end,
        where=row.get("where", ""),
        absent=row.get("absent", ""),
        dimensions=RatingColumns((*DIMENSIONS, *params.dimensions)).dimensions_of(row),
    )
