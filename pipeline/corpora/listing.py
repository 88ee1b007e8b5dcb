"""List a corpus: its recordings as manifest rows, by its reader and the files themselves; and count them."""

import filecmp
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.audio.audio_file import check_long_enough
from pipeline.audio.bad_recordings import RecordingsError
from pipeline.audio.decoding import measure
from pipeline.corpora import find_reader
from pipeline.corpora.base import CorpusParams, Utterance, corpus_files, is_audio
from pipeline.corpora.emotions import canonical
from pipeline.corpora.left_out import LeftOut
from pipeline.corpora.manifest import Row
from pipeline.corpora.unread import unread_suffixes
from pipeline.errors import UserError
from pipeline.paths import check_regular


def build(name: str, params: CorpusParams) -> list[Row]:
    """The rows that `read` gives."""
    return read(name, params)[0]


def read(name: str, params: CorpusParams) -> tuple[list[Row], LeftOut]:
    """Read a corpus folder into manifest rows, sorted by key, and say what of it is no row.

    Raises:
        RecordingsError: files are empty or unreadable, and `on_bad_audio` is `fail`; or all of them are.
        UserError: the folder is missing or has no audio, an emotion code is unknown, or two files that differ have one
            key. The message names the file.
    """
    reader = find_reader(params.reader)
    every = list(reader.read(params.root, params))
    if not every:
        raise UserError(f"corpus folder {str(params.root)!r} has no recording that the {params.reader} reader takes")
    utterances = _without_copies(params.root, every)
    emotions = _emotions(name, params.root, utterances, {**reader.emotions, **params.emotions})
    rows, bad = _rows(name, params.root, utterances, emotions)
    if bad and (params.on_bad_audio == "fail" or not rows):
        raise RecordingsError(bad, f"corpora.{name}.on_bad_audio: skip" if rows else "")
    files = corpus_files(params.root)
    listed = {utterance.wav for utterance in every}
    return sorted(rows, key=lambda row: row.key), LeftOut(
        bad_audio={wav: _relative(why, params.root, wav) for wav, why in bad.items()},
        copies=len(every) - len(utterances),
        unlisted=len({file for file in files if is_audio(file)} - listed) if params.table else 0,
        unread=unread_suffixes(set(files) - listed),
        notes=tuple(reader.notes(params.root, params)),
    )


def _rows(
    name: str, root: Path, utterances: Sequence[Utterance], emotions: Sequence[str]
) -> tuple[list[Row], dict[str, str]]:
    """The rows of the recordings that can be used; of the others, path relative to the root -> what is wrong."""
    rows: list[Row] = []
    bad: dict[str, str] = {}
    for utterance, emotion in zip(utterances, emotions, strict=True):
        try:
            rows.append(_row(name, root, utterance, emotion))
        except UserError as error:
            bad[utterance.wav] = str(error)
    return rows, bad


def _without_copies(root: Path, utterances: Sequence[Utterance]) -> list[Utterance]:
    """The first of each key; the others are the same recording, as where a corpus was unpacked twice.

    Raises:
        UserError: they differ.
    """
    first: dict[str, Utterance] = {}
    for utterance in utterances:
        other = first.setdefault(utterance.key, utterance)
        if other is utterance:
            continue
        if replace(other, wav="") != replace(utterance, wav=""):
            what = "and the corpus says different things of them"
        elif not _equal(root / other.wav, root / utterance.wav):
            what = "and differ"
        else:
            continue
        both = f"{other.wav} and {utterance.wav} have the same key {utterance.key!r}"
        raise UserError(f"{root}: {both}, {what}; rename or remove one")
    return list(first.values())


def _equal(path: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(path, other, shallow=False)
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror}); mend or remove the file") from error


def _emotions(name: str, root: Path, utterances: Sequence[Utterance], table: dict[str, str]) -> list[str]:
    """The canonical label of each utterance."""
    labels = []
    for utterance in utterances:
        try:
            labels.append(canonical(utterance.raw_emotion, table))
        except ValueError as error:
            raise UserError(f"{root / utterance.wav}: {error}; map it in corpora.{name}.emotions") from error
    return labels


def _relative(why: str, root: Path, wav: str) -> str:
    """A reason without the place of the corpus, which is another on every machine."""
    return why.removeprefix(f"{root / wav}: ").replace(str(root / wav), wav)


def keep(rows: Sequence[Row], emotions: Sequence[str], root: Path) -> list[Row]:
    """The rows of these emotions; of all emotions when there are none.

    Raises:
        UserError: no recording has one of them.
    """
    missing = set(emotions) - {row.emotion for row in rows}
    if missing:
        raise UserError(f"{root}: no recording is {min(missing)!r}; take it out of the corpus's `keep`")
    return [row for row in rows if not emotions or row.emotion in emotions]


def _row(name: str, root: Path, utterance: Utterance, emotion: str) -> Row:
    path = root / utterance.wav
    check_regular(path)
    recording = measure(path)
    check_long_enough(path, recording.frames, recording.rate)
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
