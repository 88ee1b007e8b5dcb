"""List a corpus: its recordings as manifest rows, by its reader and the files themselves; and count them."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.audio.decoding import measure
from pipeline.corpora import find_reader
from pipeline.corpora.base import CorpusParams, Utterance
from pipeline.corpora.emotions import canonical
from pipeline.corpora.manifest import Row
from pipeline.errors import UserError
from pipeline.paths import check_regular


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
    missing = set(emotions) - {row.emotion for row in rows}
    if missing:
        raise UserError(f"{root}: no recording is {min(missing)!r}; take it out of the corpus's `keep`")
    return [row for row in rows if not emotions or row.emotion in emotions]


def _row(name: str, root: Path, utterance: Utterance, emotions: dict[str, str]) -> Row:
    path = root / utterance.wav
    check_regular(path)
    try:
        emotion = canonical(utterance.raw_emotion, emotions)
    except ValueError as error:
        raise UserError(f"{path}: {error}; map it in corpora.{name}.emotions") from error
    recording = measure(path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Row(
        key=utterance.key,
        dataset=name,
        wav=utterance.wav,
        speaker=utterance.speaker,
        gender=utterance.gender,
        language=utterance.language,
        emotion=emotion,
        raw_emotion=utterance.raw_emotion,
        text=utterance.text,
        session=utterance.session,
        length=round(recording.frames / recording.rate, 6),
        sample_rate=recording.rate,
        channel=recording.channels,
        sha256=sha256,
    )


def counts(rows: Sequence[Row]) -> dict[str, Any]:
    """Count utterances per emotion and speaker, and the seconds of speech."""
    return {
        "utterances": len(rows),
        "speakers": len({row.speaker for row in rows}),
        "seconds": round(sum(row.length for row in rows), 3),
        "by_emotion": dict(sorted(Counter(row.emotion for row in rows).items())),
        "by_speaker": dict(sorted(Counter(row.speaker or "unknown" for row in rows).items())),
    }
