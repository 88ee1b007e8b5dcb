"""Recordings out of the Arrow or Parquet files of Hugging Face's `datasets`, as files with a `metadata.csv`.

`save_to_disk` writes a folder with `dataset_info.json`, `state.json` and `data-*.arrow`, and one of these for each
split beside `dataset_dict.json`; a dataset of a hub has `SPLIT-00000-of-00001.parquet`, with the same features in its
schema. A recording is a value of the feature `Audio`: its file's bytes, or a path; a class is a number into the names
of the feature `ClassLabel`. No script of a dataset is run, and no pickle is opened.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.audio.suffixes import AUDIO_SUFFIXES
from pipeline.corpora.arrow import arrow_rows, parquet_features, parquet_rows
from pipeline.corpora.listed_files import Names, inner_file, mistake
from pipeline.errors import UserError
from pipeline.jobs.progress import Progress
from pipeline.paths import read_bounded

FILE_NAME = "file_name"
SHARD = re.compile(r"(?P<split>.+?)-\d{5}-of-\d{5}(-[0-9a-f]+)?\.parquet")
UNSAFE = re.compile(r"[^\w.-]+")
LONGEST_NAME = 60
WHOLE = "recordings"
"""folder of those of no split"""
MAGIC = {b"RIFF": ".wav", b"RF64": ".rf64", b"fLaC": ".flac", b"OggS": ".ogg", b"FORM": ".aiff", b"ID3": ".mp3"}
"""what a file begins with -> its suffix"""

Features = Mapping[str, Mapping[str, Any]]
"""column -> its feature, as `dataset_info.json` has it"""


@dataclass(frozen=True)
class Shard:
    """A file with rows: the split that it is of, and its features."""

    path: Path
    split: str
    features: Features

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Its rows, column -> value."""
        return parquet_rows(self.path) if self.path.suffix == ".parquet" else arrow_rows(self.path)


def shards(root: Path) -> list[Shard]:
    """The files of a dataset's folder that have rows, split by split.

    Raises:
        UserError: there are none, or what should say what they hold is not there or no JSON.
    """
    if not root.is_dir():
        raise UserError(f"{root}: is no folder; give one that `save_to_disk` wrote, or a hub's with Parquet files")
    states = sorted(root.glob("state.json")) or sorted(root.glob("*/state.json"))
    every = [shard for state in states for shard in _saved(root, state.parent)] or [*_parquet(root)]
    if not every:
        raise UserError(f"{root}: has neither state.json, as `save_to_disk` writes it, nor Parquet files; give another")
    return every


def _saved(root: Path, folder: Path) -> Iterator[Shard]:
    features = _features(folder / "dataset_info.json", _json(folder / "dataset_info.json").get("features"))
    files = _json(folder / "state.json").get("_data_files")
    for file in files if isinstance(files, list) else []:
        name = file.get("filename") if isinstance(file, dict) else None
        if not isinstance(name, str) or PurePosixPath(name).name != name or not name.endswith(".arrow"):
            raise UserError(f"{folder / 'state.json'}: {str(name)[:60]!r} is no file of this folder; restore it")
        yield Shard(folder / name, WHOLE if folder == root else _safe(folder.name) or WHOLE, features)


def _parquet(root: Path) -> Iterator[Shard]:
    for path in sorted(root.rglob("*.parquet")):
        match = SHARD.fullmatch(path.name)
        split = match["split"] if match else path.stem
        yield Shard(path, _safe(split) or WHOLE, _features(path, parquet_features(path)))


def _json(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(read_bounded(path))
    except FileNotFoundError as error:
        raise UserError(f"{path}: is not there; restore it") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: is no JSON ({str(error)[:80]}); restore it") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: is no JSON object; restore it")
    return value


def _features(path: Path, given: Any) -> Features:
    """The features; `path` is for the message.

    Raises:
        UserError: none of them, or several, are recordings.
    """
    features = {name: each for name, each in given.items() if isinstance(each, dict)} if isinstance(given, dict) else {}
    audio = [name for name, each in features.items() if each.get("_type") == "Audio"]
    if len(audio) != 1:
        what = f"{len(audio)} columns are recordings ({', '.join(audio)})" if audio else "no column is a recording"
        raise UserError(f"{path}: {what} (feature Audio), and one should be; cast or remove columns")
    return features


def unpack(root: Path, out: Path) -> dict[str, int]:
    """Write the recordings of a dataset's folder as files, with a `metadata.csv` of the other columns.

    Rows are read some at a time, so that a dataset need not fit in memory.

    Args:
        root: the folder.
        out: a new or empty folder; a recording is `SPLIT/NUMBER-NAME.SUFFIX` in it.

    Returns:
        Split -> how many recordings it has.

    Raises:
        UserError: as `shards`, `out` has something in it, or a row has no recording; file and row are named.
    """
    every = shards(root)
    _check_new(out)
    columns = list(dict.fromkeys(name for shard in every for name in _columns(shard.features)))
    counts: dict[str, int] = {}
    part = out / "metadata.csv.part"
    with part.open("w", encoding="utf-8", newline="") as file, Progress(len(every), "files") as progress:
        writer = csv.DictWriter(file, [FILE_NAME, *columns], lineterminator="\n")
        writer.writeheader()
        for shard in every:
            for number, row in enumerate(shard.rows(), 1):
                count = counts.get(shard.split, 0)
                name = _recording(root, out, shard, f"{shard.path}, row {number}", count, row)
                writer.writerow({FILE_NAME: name, **_values(shard.features, row)})
                counts[shard.split] = count + 1
            progress.update()
    part.replace(out / "metadata.csv")
    return counts


def _check_new(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: is there, and not an empty folder; give a new one")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: cannot be made ({error.strerror}); give another folder") from error


def _columns(features: Features) -> list[str]:
    """The columns that are text, numbers or classes."""
    plain = [name for name, each in features.items() if each.get("_type") in ("Value", "ClassLabel")]
    return [name for name in plain if name != FILE_NAME]


def _values(features: Features, row: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(features[name], row.get(name)) for name in _columns(features)}


def _text(feature: Mapping[str, Any], value: Any) -> str:
    names: Sequence[Any] = feature.get("names") or ()
    if feature.get("_type") == "ClassLabel" and isinstance(value, int):
        return str(names[value]) if 0 <= value < len(names) else ""
    return "" if value is None else str(value)


def _recording(root: Path, out: Path, shard: Shard, where: str, count: int, row: Mapping[str, Any]) -> str:
    """Write the recording of a row; returns its path relative to `out`."""
    column = next(name for name, each in shard.features.items() if each.get("_type") == "Audio")
    value = row.get(column)
    audio = value if isinstance(value, dict) else {"path": value}
    path, data = str(audio.get("path") or ""), audio.get("bytes")
    if not data:
        data = _file(root, shard.path.parent, path, where)
    stem = _safe(PurePosixPath(path.replace("\\", "/")).stem)
    name = f"{shard.split}/{count:06d}{f'-{stem}' if stem else ''}{_suffix(path, data, where)}"
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_bytes(data)
    return name


def _file(root: Path, beside: Path, path: str, where: str) -> bytes:
    """The bytes of a file below the dataset's folder that a row names, relative to the row's file or to the folder."""
    names = Names()
    if path and (beside / path).is_file() and not PurePosixPath(path).is_absolute():
        path = (beside / path).relative_to(root).as_posix()
    try:
        if not path:
            raise ValueError("has no recording; remove the row")
        return (root / inner_file(root, path, names)).read_bytes()
    except (ValueError, OSError) as error:
        raise UserError(f"{where}: {mistake(error, path, names)}") from error


def _suffix(path: str, data: bytes, where: str) -> str:
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in AUDIO_SUFFIXES:
        return suffix
    magic = next((each for start, each in MAGIC.items() if data.startswith(start)), "")
    if not magic and data[:1] == b"\xff" and data[1:2] >= b"\xe0":
        magic = ".mp3"
    if not magic:
        raise UserError(f"{where}: {path[:60]!r} is no recording of a format that is known; remove the row")
    return magic


def _safe(name: str) -> str:
    """A name without what a file name should not have."""
    return UNSAFE.sub("_", name)[:LONGEST_NAME].lstrip(".")
