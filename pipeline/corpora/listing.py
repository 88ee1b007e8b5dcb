"""List a corpus: its recordings as manifest rows, by its reader and the files themselves; and count them."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.audio.audio_file import check_long_enough
from pipeline.audio.bad_recordings import RecordingsError
from pipeline.audio.examination import Examination, examine
from pipeline.corpora import find_reader
from pipeline.corpora.base import CorpusParams, Utterance, corpus_files, is_audio
from pipeline.corpora.emotions import canonical
from pipeline.corpora.left_out import LeftOut
from pipeline.corpora.manifest import Row
from pipeline.corpora.same_key import one_of_each_key
from pipeline.corpora.unread import unread_suffixes
from pipeline.errors import UserError
from pipeline.jobs.executors import in_threads, worker_count
from pipeline.jobs.progress import Progress


@dataclass(frozen=True)
class Listing:
    """What a corpus folder holds.

    Attributes:
        rows: of its manifest, sorted by key.
        others: rows of recordings whose label is not to be kept, sorted by key: one may be the twin of a row.
        examinations: key -> of each row's recording, and of each other's.
        left_out: what of the folder is no row.
    """

    rows: list[Row]
    others: list[Row]
    examinations: dict[str, Examination]
    left_out: LeftOut


def read(name: str, params: CorpusParams) -> Listing:
    """Read a corpus folder, and decode its recordings.

    Raises:
        RecordingsError: files are empty or unreadable, and `on_bad_audio` is `fail`; or all of them are.
        UserError: the folder is missing or has no audio, an emotion code is unknown, no recording has a label that is
            to be kept, or two files that differ have one key. The message names the file.
    """
    reader = find_reader(params.reader)
    every = list(reader.read(params.root, params))
    if not every:
        raise UserError(f"corpus folder {str(params.root)!r} has no recording that the {params.reader} reader takes")
    of_each_key = one_of_each_key(params.root, every)
    utterances = of_each_key.utterances
    labels = _emotions(name, params.root, utterances, {**reader.emotions, **params.emotions})
    check_kept(labels, params.keep, params.root)
    listed, unusable = _listed(name, params.root, list(zip(utterances, labels, strict=True)))
    kept = {utterance.wav for utterance, label in zip(utterances, labels, strict=True) if is_kept(label, params.keep)}
    bad = {wav: why for wav, why in unusable.items() if wav in kept} | of_each_key.bad
    some = not kept <= bad.keys()
    if bad and (params.on_bad_audio == "fail" or not some):
        raise RecordingsError(bad, f"corpora.{name}.on_bad_audio: skip" if some else "")
    files = corpus_files(params.root)
    named = {utterance.wav for utterance in every}
    left_out = LeftOut(
        bad_audio={wav: _relative(why, params.root, wav) for wav, why in bad.items()},
        copies=of_each_key.copies,
        other_emotions=len(utterances) - len(kept),
        bad_others={wav: _relative(why, params.root, wav) for wav, why in unusable.items() if wav not in kept},
        unlisted=len({file for file in files if is_audio(file)} - named) if params.table else 0,
        unread=unread_suffixes(set(files) - named),
        notes=tuple(reader.notes(params.root, params)),
    )
    examinations = {row.key: examination for row, examination in listed}
    rows = _silent_apart(sorted((row for row, _ in listed), key=lambda row: row.key), examinations)
    parts = {part: [row for row in rows if is_kept(row.emotion, params.keep) == part] for part in (True, False)}
    return Listing(parts[True], parts[False], examinations, left_out)


def _silent_apart(rows: Sequence[Row], examinations: Mapping[str, Examination]) -> list[Row]:
    """The rows; silent ones whose files have the same bytes are said to be no other's twin, as the bytes tell else."""
    files = Counter(row.sha256 for row in rows)
    return [
        replace(row, twin=row.key) if files[row.sha256] > 1 and examinations[row.key].fingerprint.constant else row
        for row in rows
    ]


def check_kept(labels: Sequence[str], emotions: Sequence[str], root: Path) -> None:
    """Refuse to keep labels that no recording has.

    Raises:
        UserError: there is one.
    """
    if missing := set(emotions) - set(labels):
        raise UserError(f"{root}: no recording is {min(missing)!r}; take it out of the corpus's `keep`")


def is_kept(label: str, emotions: Sequence[str]) -> bool:
    """Whether recordings of a label are to be kept, by the `keep` of the params: all when it names none."""
    return not emotions or label in emotions


def _listed(
    name: str, root: Path, utterances: Sequence[tuple[Utterance, str]]
) -> tuple[list[tuple[Row, Examination]], dict[str, str]]:
    """The rows of the recordings that can be used; of the others, path relative to the root -> what is wrong."""

    def row_or_error(utterance: tuple[Utterance, str]) -> tuple[Row, Examination] | UserError:
        try:
            return _row(name, root, *utterance)
        except UserError as error:
            return error

    listed: list[tuple[Row, Examination]] = []
    bad: dict[str, str] = {}
    with Progress(len(utterances), f"recordings of {name}") as progress:
        for (utterance, _), row in zip(
            utterances, in_threads(row_or_error, utterances, worker_count(None)), strict=True
        ):
            if isinstance(row, UserError):
                bad[utterance.wav] = str(row)
            else:
                listed.append(row)
            progress.update()
    return listed, bad


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


def _row(name: str, root: Path, utterance: Utterance, emotion: str) -> tuple[Row, Examination]:
    path = root / utterance.wav
    examination = examine(path)
    measures = examination.measures
    check_long_enough(path, measures.frames, measures.rate)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    row = Row(
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
        length=round(measures.seconds, 6),
        sample_rate=measures.rate,
        channel=measures.channels,
        sha256=sha256,
        part=utterance.part,
    )
    return row, examination


def counts(rows: Sequence[Row]) -> dict[str, Any]:
    """Count utterances per emotion and speaker, and the seconds of speech."""
    return {
        "utterances": len(rows),
        "speakers": len({row.speaker for row in rows}),
        "seconds": round(sum(row.length for row in rows), 3),
        "by_emotion": dict(sorted(Counter(row.emotion for row in rows).items())),
        "by_speaker": dict(sorted(Counter(row.speaker or "unknown" for row in rows).items())),
    }
