"""The manifest: JSON lines, one utterance a line, with EmoBox's key names where it has them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pipeline.atomic import atomic_path
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


def build(name: str, params: CorpusParams) -> list[Row]:
    """Read a corpus folder into manifest rows, sorted by key.

    Raises:
        UserError: the folder is missing or has no audio, a file is empty or unreadable, an emotion code is unknown,
            or two files have one key. The message names the file.
    """
    reader, emotions = find_reader(params.reader)
    rows: dict[str, Row] = {}
    for utterance in reader(params.root, params):
        row = _row(name, params.root, utterance, {**emotions, **params.emotions})
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
    try:
        emo = canonical(utterance.raw_emo, emotions)
    except ValueError as error:
        raise UserError(f"{path}: {error}; map it in corpora.{name}.emotions") from error
    try:
        data = path.read_bytes()
        info = soundfile.info(str(path))
    except (OSError, soundfile.SoundFileError) as error:
        what = "is empty" if path.is_file() and not path.stat().st_size else f"cannot be read as audio ({error})"
        raise UserError(f"{path}: {what}; mend or remove the file") from error
    if not info.frames:
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
        length=round(info.frames / info.samplerate, 6),
        sample_rate=info.samplerate,
        channel=info.channels,
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
        UserError: the file is missing, or a line is not a manifest row (file and line are named).
    """
    return list(_read(path))


def _read(path: Path) -> Iterator[Row]:
    names = {field.name for field in fields(Row)}
    try:
        # Not splitlines: a transcript may hold a character that it takes for the end of a line.
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such manifest; `dvc repro` makes it") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text, so no manifest; delete it and run again") from error
    for number, line in enumerate(lines, 1):
        try:
            values = json.loads(line)
            yield Row(**{name: values[name] for name in names})
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}, line {number}: not a manifest row ({error})") from error


def counts(rows: Sequence[Row]) -> dict[str, Any]:
    """Count utterances per emotion and speaker, and the seconds of speech."""
    return {
        "utterances": len(rows),
        "speakers": len({row.speaker for row in rows}),
        "seconds": round(sum(row.length for row in rows), 3),
        "by_emotion": dict(sorted(Counter(row.emo for row in rows).items())),
        "by_speaker": dict(sorted(Counter(row.speaker or "unknown" for row in rows).items())),
    }
