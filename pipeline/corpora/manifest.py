"""The manifest: JSON lines, one utterance a line, with EmoBox's key names where it has them."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.atomic import atomic_path
from pipeline.audio.segments import Segment, bounds_problem, segment_title
from pipeline.corpora.base import CONTROL
from pipeline.corpora.emotions import EMOTIONS
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
    start: float | None = None
    """where the utterance begins in the file (s); None where the file is the utterance"""
    end: float | None = None
    """where it ends; None where it does with the file"""

    dimensions: Mapping[str, float] = field(default_factory=dict, hash=False)
    """name -> number, as valence -> 3.5, on the corpus's own scale"""
    votes: Mapping[str, float] = field(default_factory=dict, hash=False)
    """canonical label -> share of the raters who chose it, which sum to 1"""

    def source(self, root: Path) -> Segment:
        """The file below the corpus root, or its part."""
        return Segment(root / self.wav, self.start or 0.0, self.end)

    @property
    def name(self) -> str:
        """What to call the utterance in a message."""
        return segment_title(self.wav, self.start, self.end)

    @property
    def content(self) -> str:
        """What rows share whose recordings are the same, whatever their names."""
        return self.twin or self.key


KEYS = {field: {"emotion": "emo", "raw_emotion": "raw_emo"}.get(field, field) for field in Row.__annotations__}
"""field -> its key in the file"""

OPTIONAL: dict[str, Any] = {"twin": "", "part": "", "start": None, "end": None}
"""key that is left out of the file where its value is this"""

NUMBERS = ("dimensions", "votes")
"""keys that are left out of the file where they are empty, and map names to numbers"""

UNSAID: dict[str, Any] = OPTIONAL | {key: {} for key in NUMBERS}
"""field -> the value that says nothing"""

KINDS: dict[str, type] = {
    KEYS[field]: float if kind == float | None else kind
    for field, kind in Row.__annotations__.items()
    if field not in NUMBERS
}
"""key -> the type of its value"""


def as_json(row: Row) -> dict[str, Any]:
    """A row as the file has it: key -> value, without those of `OPTIONAL` and `NUMBERS` that say nothing."""
    return {KEYS[field]: value for field, value in vars(row).items() if field not in UNSAID or value != UNSAID[field]}


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write a manifest, whole or not at all."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    with atomic_path(path) as temporary:
        lines = (f"{encode(as_json(row))}\n" for row in rows)
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
    decode = json.JSONDecoder(object_pairs_hook=_object).decode
    for number, line in enumerate(lines, 1):
        try:
            row = _parsed(decode(line))
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}, line {number}: not a manifest row ({error})") from error
        yield row


def _parsed(values: Any) -> Row:
    """The row that a line's JSON holds.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(values, dict):
        raise ValueError("it is no JSON object")
    for name in NUMBERS:
        if name in values:
            _check_numbers(name, values[name])
    for name, kind in KINDS.items():
        if name not in values:
            if name not in OPTIONAL:
                raise ValueError(f"it has no {name!r}")
        elif type(value := values[name]) is not str or kind is not str:
            _check_value(name, value, kind)
        else:
            value.encode()  # half a surrogate pair is a UnicodeEncodeError, which is a ValueError
    _check_names(values)
    values = UNSAID | values
    if problem := bounds_problem(values["start"], values["end"]):
        raise ValueError(problem)
    return Row(**{field: values[key] for field, key in KEYS.items()})


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"{name!r} stands twice")
    return values


def _check_names(values: Mapping[str, Any]) -> None:
    """Refuse a key or a path that is none, or does more than name a recording below the corpus's folder."""
    for name in ("key", "wav"):
        if not values[name]:
            raise ValueError(f'{name!r} must be text; it is ""')
        if CONTROL.search(values[name]):
            raise ValueError(f"{name!r} holds a control character: {values[name][:60]!r}")
    wav = values["wav"]
    if wav.startswith("/") or (".." in wav and ".." in wav.split("/")):
        raise ValueError(f"'wav' must be a path inside the folder of the recordings; it is {wav[:60]!r}")


def _check_numbers(name: str, values: Any) -> None:
    """Refuse what is no mapping of names to numbers, or shares of known emotions that do not sum to 1."""
    if not isinstance(values, dict) or not all(type(value) in (int, float) for value in values.values()):
        raise ValueError(f"{name!r} must map names to numbers; it is {json.dumps(values)[:60]}")
    if not all(map(math.isfinite, values.values())):
        raise ValueError(f"{name!r} has a number that is not finite")
    if name == "votes" and values:
        if unknown := [label for label in values if label not in EMOTIONS]:
            raise ValueError(f"{name!r} has {unknown[0][:30]!r}, which is no label; labels are {', '.join(EMOTIONS)}")
        if min(values.values()) < 0 or not math.isclose(math.fsum(values.values()), 1, abs_tol=1e-6):
            raise ValueError(f"{name!r} must be shares from 0 on that sum to 1; it is {json.dumps(values)[:60]}")


def _check_value(name: str, value: Any, kind: type) -> None:
    kinds = (int, float) if kind is float else (kind,)
    if type(value) not in kinds:
        expected = {str: "text", int: "a whole number", float: "a number"}[kind]
        raise ValueError(f"{name!r} must be {expected}; it is {json.dumps(value)[:60]}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name!r} is {value}")
