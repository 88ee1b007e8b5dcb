"""The manifest: JSON lines, one utterance a line, with EmoBox's key names where it has them."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.atomic import atomic_path
from pipeline.corpora.base import CONTROL
from pipeline.errors import UserError
from pipeline.paths import read_bounded


@dataclass(frozen=True)
class Row:
    """One utterance."""

    key: str
    dataset: str
    wav: str
    """path relative to the corpus root"""
    speaker: str
    gender: str
    language: str
    emotion: str
    """canonical label; `emo` in the file"""
    raw_emotion: str
    """the corpus's own; `raw_emo` in the file"""
    text: str
    session: str
    length: float
    """seconds"""
    sample_rate: int
    """of the file (Hz)"""
    channel: int
    """number of channels of the file"""
    sha256: str
    """of the file's bytes"""
    twin: str = ""
    """key of the first row whose recording has the same content; "" for that row itself, and where there is none; its
    own key for one of several silent files that are equal, and yet not one recording"""
    part: str = ""
    """of the corpus's own split: train, validation or test; "" where it has none"""

    @property
    def content(self) -> str:
        """What rows share whose recordings are the same, whatever their names."""
        return self.twin or self.key


KEYS = {field: {"emotion": "emo", "raw_emotion": "raw_emo"}.get(field, field) for field in Row.__annotations__}
"""field -> its key in the file"""

OPTIONAL = ("twin", "part")
"""keys that are left out of the file where they are \"\""""

KINDS: dict[str, type] = {KEYS[field]: kind for field, kind in Row.__annotations__.items()}
"""key -> the type of its value"""


def as_json(row: Row) -> dict[str, Any]:
    """A row as the file has it: key -> value, with a `twin` and a `part` where there is one."""
    return {KEYS[field]: value for field, value in asdict(row).items() if field not in OPTIONAL or value}


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write a manifest, whole or not at all."""
    with atomic_path(path) as temporary:
        lines = (json.dumps(as_json(row), ensure_ascii=False) + "\n" for row in rows)
        temporary.write_text("".join(lines), encoding="utf-8", newline="\n")


def read(path: Path) -> list[Row]:
    """Read a manifest.

    Raises:
        UserError: the file cannot be read, a line is not a manifest row, or two have one key (file and line are named).
    """
    rows: dict[str, Row] = {}
    for number, row in enumerate(_read(path), 1):
        if row.key in rows:
            first = list(rows).index(row.key) + 1
            raise UserError(f"{path}, line {number}: has the key of line {first}, {row.key!r}; take one out")
        rows[row.key] = row
    return list(rows.values())


def _read(path: Path) -> Iterator[Row]:
    try:
        # Not splitlines: a transcript may hold a character that it takes for the end of a line.
        lines = read_bounded(path).decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n").split("\n")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such manifest; `dvc repro` makes it") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text, so no manifest; delete it and run again") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    for number, line in enumerate(lines, 1):
        try:
            row = _parse(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}, line {number}: not a manifest row ({error})") from error
        yield row


def _parse(line: str) -> Row:
    values = json.loads(line, object_pairs_hook=_object)
    if not isinstance(values, dict):
        raise ValueError("it is no JSON object")
    values = {**dict.fromkeys(OPTIONAL, ""), **values}
    for name, kind in KINDS.items():
        if name not in values:
            raise ValueError(f"it has no {name!r}")
        _check_value(name, values[name], kind)
    return Row(**{field: values[key] for field, key in KEYS.items()})


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"{name!r} stands twice")
    return values


def _check_name(name: str, value: str) -> None:
    """Refuse a key or a path that does more than name a recording below the corpus's folder."""
    if CONTROL.search(value):
        raise ValueError(f"{name!r} holds a control character: {value[:60]!r}")
    if name == "wav" and (PurePosixPath(value).is_absolute() or ".." in PurePosixPath(value).parts):
        raise ValueError(f"{name!r} must be a path inside the folder of the recordings; it is {value[:60]!r}")


def _check_value(name: str, value: Any, kind: type) -> None:
    kinds = (int, float) if kind is float else (kind,)
    if type(value) not in kinds or (name in ("key", "wav") and not value):
        expected = {str: "text", int: "a whole number", float: "a number"}[kind]
        raise ValueError(f"{name!r} must be {expected}; it is {json.dumps(value)[:60]}")
    if isinstance(value, str):
        value.encode()  # half a surrogate pair is a UnicodeEncodeError, which is a ValueError
        if name in ("key", "wav"):
            _check_name(name, value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name!r} is {value}")
