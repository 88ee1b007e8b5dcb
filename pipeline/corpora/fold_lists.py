"""Folds that others made: which recordings each trains on, validates on and tests, as EmoBox's lists or a table say.

EmoBox (Ma et al. 2024, arXiv:2406.07162) has a folder a corpus, with `fold_N/CORPUS_train_fold_N.jsonl` and
`CORPUS_test_fold_N.jsonl`, and `CORPUS_valid_fold_N.jsonl` where the corpus has a validation part of its own; some
files are named `fold1` for `fold_1`. A line has a `key`, the recording's path as `wav`, and the emotion as `emo`.

A table is a CSV with a column `key` or `path`, and with `part` (train, validation, test), with `fold` (each recording
is tested in its fold, and trained on in the others), or with both (a line for each recording of each fold's parts).
The columns `speaker`, `text` and `emotion` are optional, and others are passed over.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UserError, nearest
from pipeline.paths import check_regular

PARTS = ("train", "validation", "test")
SPELLINGS = {
    **{part: part for part in PARTS},
    "training": "train",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "development": "validation",
    "evaluation": "validation",
    "testing": "test",
}
"""what a table may call a part -> the part; ESD's `evaluation` is for validation"""

EMOBOX_LIST = re.compile(r"(?P<corpus>.+)_(?P<part>train|valid|test)_fold_?(?P<fold>\d+)\.jsonl")
LABEL_MAPS = ("label_map.json", "label_dict.json")
COLUMNS = ("key", "path", "part", "fold", "speaker", "text", "emotion")
LONGEST = 1 << 26
"""bytes of a list; EmoBox's longest has a fifth of it"""


@dataclass(frozen=True)
class Listed:
    """A recording as a list names it; "" for what the list does not say."""

    key: str
    where: str
    """file and line"""
    wav: str = ""
    corpus: str = ""
    code: str = ""
    """emotion as the list has it"""
    label: str = ""
    """the same, by the list's label map"""
    speaker: str = ""
    text: str = ""

    @property
    def name(self) -> str:
        """What to call it in a message."""
        return self.key or self.wav


@dataclass(frozen=True)
class FoldList:
    """One fold: what is trained on, validated on (maybe nothing) and tested."""

    name: str
    train: tuple[Listed, ...]
    validation: tuple[Listed, ...]
    test: tuple[Listed, ...]

    def parts(self) -> dict[str, tuple[Listed, ...]]:
        """Part -> its recordings."""
        return {part: getattr(self, part) for part in PARTS}


def read_emobox(folder: Path) -> list[FoldList]:
    """The folds of one corpus, in the order of their numbers, from its folder of EmoBox's `data`.

    Raises:
        UserError: the folder is missing, has no lists or those of several corpora, a fold has no training or test list,
            has one twice or an empty one, or a line is not one of a list; the message names it.
    """
    folds: dict[int, dict[str, Path]] = {}
    for path, match in _emobox_lists(folder):
        part = SPELLINGS[match["part"]]
        other = folds.setdefault(int(match["fold"]), {}).setdefault(part, path)
        if other != path:
            raise UserError(f"{path}: is the {part} list of fold {int(match['fold'])}, as {other} is; take one out")
    labels = label_map(folder)
    for number, lists in folds.items():
        for part in ("train", "test"):
            if part not in lists:
                raise UserError(f"{folder}: fold {number} has no {part} list (..._{part}_fold_{number}.jsonl)")
    found = [
        FoldList(
            str(number),
            **{part: tuple(_emobox_lines(lists[part], labels)) if part in lists else () for part in PARTS},
        )
        for number, lists in sorted(folds.items())
    ]
    check_parts(folder, found)
    return found


def check_parts(path: Path, folds: Iterable[FoldList]) -> None:
    """Refuse folds that train on nothing or test nothing.

    Raises:
        UserError: a fold has no recording in one of these parts.
    """
    for fold in folds:
        for part in ("train", "test"):
            if not getattr(fold, part):
                raise UserError(f"{path}: the {part} part of fold {fold.name} is empty; list its recordings")


def has_emobox_validation(folder: Path) -> bool:
    """Whether there is a validation list among the folds of a folder; not where there is no such folder."""
    return folder.is_dir() and any("_valid_" in path.name for path in folder.rglob("*_valid_fold*.jsonl"))


def _emobox_lists(folder: Path) -> list[tuple[Path, re.Match[str]]]:
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise UserError(f"{folder}: {what}; give one corpus's folder of EmoBox's data, as EmoBox/data/ravdess")
    lists = [(path, match) for path in sorted(folder.rglob("*.jsonl")) if (match := EMOBOX_LIST.fullmatch(path.name))]
    corpora = sorted({match["corpus"] for _, match in lists})
    if not lists:
        raise UserError(f"{folder}: has no list of EmoBox's (CORPUS_train_fold_1.jsonl, CORPUS_test_fold_1.jsonl)")
    if len(corpora) > 1:
        raise UserError(f"{folder}: has the lists of {', '.join(corpora)}; give the folder of one corpus")
    return lists


def label_map(folder: Path) -> dict[str, str]:
    """Emotion code in small letters -> EmoBox's label; codes are spelt otherwise in lists now and then."""
    path = next((folder / name for name in LABEL_MAPS if (folder / name).is_file()), None)
    if path is None:
        return {}
    try:
        labels = json.loads(_text(path))
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); restore it") from error
    if not isinstance(labels, dict) or not all(isinstance(label, str) for label in labels.values()):
        raise UserError(f"{path}: should map each emotion code to a label; restore it")
    return {code.casefold(): label for code, label in labels.items()}


def _emobox_lines(path: Path, labels: Mapping[str, str]) -> Iterator[Listed]:
    for number, line in enumerate(_text(path).split("\n"), 1):
        if line.strip():
            where = f"{path}, line {number}"
            key, wav, corpus, code = _emobox_values(line, where)
            yield Listed(key, where, wav, corpus, code, labels.get(code.casefold(), code.casefold()))


def _emobox_values(line: str, where: str) -> list[str]:
    """Key, path, corpus and emotion code of a line; "" for what it has not, but it has a key."""
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not a line of EmoBox's ({str(error)[:80]})") from error
    values: list[str] = []
    for name in ("key", "wav", "dataset", "emo"):
        value = row.get(name, "") if isinstance(row, dict) else None
        if not isinstance(value, str) or (name == "key" and not value):
            raise UserError(f"{where}: not a line of EmoBox's ({name!r} should be text)")
        values.append(value)
    return values


def read_table(path: Path) -> list[FoldList]:
    """The folds that a CSV gives: one by its parts, or several by their names, in the order of numbers.

    Raises:
        UserError: it is missing, no CSV, has not the columns, a line names no recording, part or fold, or a fold has
            no training or no test part.
    """
    lines = [*_table_lines(path)]
    if not lines:
        raise UserError(f"{path}: lists no recording")
    named: dict[str, dict[str, list[Listed]]] = {}
    for fold, part, listed in lines:
        named.setdefault(fold, {name: [] for name in PARTS})[part or "test"].append(listed)
    names = sorted(named, key=_number_first)
    if lines[0][1]:
        parts = [FoldList(name or "0", **{part: tuple(named[name][part]) for part in PARTS}) for name in names]
        check_parts(path, parts)
        return parts
    if len(names) < 2:
        raise UserError(f"{path}: has one fold, {names[0]!r}, which leaves nothing to train on")
    return [
        FoldList(
            name, _joined(named[other]["test"] for other in names if other != name), (), tuple(named[name]["test"])
        )
        for name in names
    ]


def has_table_validation(path: Path) -> bool:
    """Whether a table has a validation part; not where there is no such table, or it is none."""
    try:
        return any(part == "validation" for _, part, _ in _table_lines(path))
    except UserError:
        return False


def _joined(lists: Iterable[Sequence[Listed]]) -> tuple[Listed, ...]:
    return tuple(listed for each in lists for listed in each)


def _number_first(name: str) -> tuple[int, int, str]:
    return (0, int(name), name) if name.isascii() and name.isdigit() and len(name) < 10 else (1, 0, name)


def _table_lines(path: Path) -> Iterator[tuple[str, str, Listed]]:
    """Fold ("" where there is no such column), part (likewise) and recording of each line."""
    reader = csv.reader(io.StringIO(_text(path).removeprefix("\ufeff"), newline=""))
    try:
        columns = [name.strip().casefold() for name in next(reader, [])]
        _check_columns(path, columns)
        for values in filter(None, reader):
            where = f"{path}, line {reader.line_num}"
            if len(values) != len(columns):
                raise UserError(f"{where}: has not the {len(columns)} columns of the header")
            yield _table_line(where, {name: value.strip() for name, value in zip(columns, values, strict=True)})
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: not CSV ({error}); mend the table") from error


def _table_line(where: str, row: Mapping[str, str]) -> tuple[str, str, Listed]:
    for name in {"key", "path", "fold", "part"} & row.keys():
        if not row[name]:
            raise UserError(f"{where}: has no {name}")
    part = row.get("part", "").casefold()
    if part and part not in SPELLINGS:
        raise UserError(f"{where}: {row['part']!r} is no part{nearest(part, PARTS)}; parts are {', '.join(PARTS)}")
    key, wav, code = row.get("key", ""), row.get("path", "").replace("\\", "/"), row.get("emotion", "")
    listed = Listed(key, where, wav, "", code, code.casefold(), row.get("speaker", ""), row.get("text", ""))
    return row.get("fold", ""), SPELLINGS.get(part, ""), listed


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    for name in COLUMNS:
        if columns.count(name) > 1:
            raise UserError(f"{path}: column {name!r} stands twice; take one out")
    for one, other in (("key", "path"), ("part", "fold")):
        if one not in columns and other not in columns:
            shown = ", ".join(columns)[:80] or "none"
            raise UserError(f"{path}: has no column {one!r} or {other!r}; its columns are {shown}")


def _text(path: Path) -> str:
    check_regular(path)
    try:
        if path.stat().st_size > LONGEST:
            raise UserError(f"{path}: has more than {LONGEST >> 20} MiB, and is no list of recordings; name another")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path}: does not exist; name the CSV with the parts or folds") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
