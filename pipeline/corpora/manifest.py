"""The manifest: JSON lines, one utterance a line, with EmoBox's key names where it has them."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.atomic import atomic_path
from pipeline.audio.decoding import check_regular, measure
from pipeline.corpora import CorpusParams, find_reader
from pipeline.corpora.base import Utterance
from pipeline.corpora.emotions import canonical
from pipeline.errors import UserError


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
    emo: str
    """canonical label"""
    raw_emo: str
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


KINDS: dict[str, type] = dict(Row.__annotations__)
"""field -> its type"""


def build(name: str, params: CorpusParams) -> list[Row]:
    """Read a corpus folder into manifest rows, sorted by key.

    Raises:
        UserError: the folder is missing or has no audio, a file is empty or unreadable, an emotion code is unknown,
            or two files have one key. The message names the file.
    """
    reader = find_reader(params.reader)
    emotions = {**reader.emotions, **params.emotions}
    rows: dict[str, Row] = {}
    for utterance in reader.read(params.root, params):
        row = _row(name, params.root, utterance, emotions)
        if row.key in rows:
            raise UserError(
                f"{params.root}: {rows[row.key].wav} and {row.wav} have the same key {row.key!r}; rename one"
            )
        rows[row.key] = row
    if not rows:
        raise UserError(f"corpus folder {str(params.root)!r} has no recording that the {params.reader} reader takes")
    return [rows[key] for key in sorted(rows)]


def keep(rows: Sequence[Row], emotions: Sequence[str], root: Path) -> list[Row]:
    """The rows of these emotions; of all emotions when there are none.

    Raises:
        UserError: no recording has one of them.
    """
    missing = set(emotions) - {row.emo for row in rows}
    if missing:
        raise UserError(f"{root}: no recording is {min(missing)!r}; take it out of the corpus's `keep`")
    return [row for row in rows if not emotions or row.emo in emotions]


def _row(name: str, root: Path, utterance: Utterance, emotions: dict[str, str]) -> Row:
    import soundfile

    path = root / utterance.wav
    check_regular(path)
    try:
        emo = canonical(utterance.raw_emo, emotions)
    except ValueError as error:
        raise UserError(f"{path}: {error}; map it in corpora.{name}.emotions") from error
    try:
        data = path.read_bytes()
        frames, rate, channels = measure(path)
    except (OSError, soundfile.SoundFileError) as error:
        what = "is empty" if path.is_file() and not path.stat().st_size else f"cannot be read as audio ({error})"
        raise UserError(f"{path}: {what}; mend or remove the file") from error
    if not frames:
        raise UserError(f"{path}: holds no audio samples; mend or remove the file")
    return Row(
        key=utterance.key,
        dataset=name,
        wav=utterance.wav,
        speaker=utterance.speaker,
        gender=utterance.gender,
        language=utterance.language,
        emo=emo,
        raw_emo=utterance.raw_emo,
        text=utterance.text,
        session=utterance.session,
        length=round(frames / rate, 6),
        sample_rate=rate,
        channel=channels,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write a manifest, whole or not at all."""
    with atomic_path(path) as temporary:
        lines = (json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
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
    check_regular(path)
    try:
        # Not splitlines: a transcript may hold a character that it takes for the end of a line.
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
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
    for name, kind in KINDS.items():
        if name not in values:
            raise ValueError(f"it has no {name!r}")
        _check_value(name, values[name], kind)
    return Row(**{name: values[name] for name in KINDS})


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"{name!r} stands twice")
    return values


def _check_value(name: str, value: Any, kind: type) -> None:
    kinds = (int, float) if kind is float else (kind,)
    if type(value) not in kinds or (name in ("key", "wav") and not value):
        expected = {str: "text", int: "a whole number", float: "a number"}[kind]
        raise ValueError(f"{name!r} must be {expected}; it is {json.dumps(value)[:60]}")
    if isinstance(value, str):
        value.encode()  # half a surrogate pair is a UnicodeEncodeError, which is a ValueError
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name!r} is {value}")


def counts(rows: Sequence[Row]) -> dict[str, Any]:
    """Count utterances per emotion and speaker, and the seconds of speech."""
    return {
        "utterances": len(rows),
        "speakers": len({row.speaker for row in rows}),
        "seconds": round(sum(row.length for row in rows), 3),
        "by_emotion": dict(sorted(Counter(row.emo for row in rows).items())),
        "by_speaker": dict(sorted(Counter(row.speaker or "unknown" for row in rows).items())),
    }
