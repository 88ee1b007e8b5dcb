"""List a corpus: its recordings as manifest rows, by its reader and the files themselves; and count them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.audio.audio_file import check_long_enough
from pipeline.audio.bad_recordings import RecordingsError
from pipeline.audio.examination import Examination, Measures, examine_segments
from pipeline.audio.known_audio import sha256_of, source_name
from pipeline.audio.segments import Segment, by_file, in_portions
from pipeline.corpora import find_reader
from pipeline.corpora.base import LISTS, CorpusParams, Utterance, corpus_files, is_audio
from pipeline.corpora.examined import Known
from pipeline.corpora.left_out import LeftOut
from pipeline.corpora.manifest import Row
from pipeline.corpora.ratings import label
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


def read(name: str, params: CorpusParams, known: Known | None = None) -> Listing:
    """Read a corpus folder, and decode its recordings that are not known.

    Args:
        name: the corpus's.
        params: how to read it.
        known: what recordings are, by their names of `source_name`.

    Raises:
        RecordingsError: files are empty or unreadable, and `on_bad_audio` is `fail`; or all of them are.
        UserError: the folder is missing or has no audio, an emotion code is unknown, no recording has a label that is
            to be kept, or two files that differ have one key. The message names the file.
    """
    reader = find_reader(params.reader)
    every = list(reader.read(params.root, params))
    if not every:
        raise UserError(f"corpus folder {str(params.root)!r} has no recording that the {params.reader} reader takes")
    absent = {
        utterance.name: f"{params.root / utterance.where}: {utterance.absent}"
        for utterance in every
        if utterance.absent
    }
    every = [utterance for utterance in every if not utterance.absent]
    of_each_key = one_of_each_key(params.root, every)
    utterances = of_each_key.utterances
    labels = _emotions(name, params.root, utterances, {**reader.emotions, **params.emotions})
    check_kept(labels, params.keep, params.root)
    listed, unusable = _listed(name, params.root, list(zip(utterances, labels, strict=True)), known or {})
    kept = {utterance.name for utterance, label in zip(utterances, labels, strict=True) if is_kept(label, params.keep)}
    bad = {wav: why for wav, why in unusable.items() if wav in kept} | of_each_key.bad | absent
    some = not kept <= bad.keys()
    if bad and (params.on_bad_audio == "fail" or not some):
        raise RecordingsError(bad, f"corpora.{name}.on_bad_audio: skip" if some else "")
    files = corpus_files(params.root)
    named = {utterance.wav for utterance in every}
    lists = params.table or params.reader in LISTS
    unlisted = {file for file in files if is_audio(file)} - named if lists else set()
    left_out = LeftOut(
        bad_audio={name: _relative(why, params.root, name) for name, why in bad.items()},
        copies=of_each_key.copies,
        other_emotions=len(utterances) - len(kept),
        bad_others={name: _relative(why, params.root, name) for name, why in unusable.items() if name not in kept},
        unlisted=len(unlisted),
        first_unlisted=min(unlisted, default=""),
        unread=unread_suffixes(set(files) - named),
        notes=tuple(reader.notes(params.root, params)),
    )
    examinations = {row.key: examination for row, examination in listed}
    rows = _silent_apart(sorted((row for row, _ in listed), key=lambda row: row.key), examinations)
    parts = {part: [row for row in rows if is_kept(row.emotion, params.keep) == part] for part in (True, False)}
    return Listing(parts[True], parts[False], examinations, left_out)


def _silent_apart(rows: Sequence[Row], examinations: Mapping[str, Examination]) -> list[Row]:
    """The rows; silent ones whose files have the same bytes are said to be no other's twin, as the bytes tell else."""
    counts = Counter((row.sha256, row.start, row.end) for row in rows)
    several = {row.key for row in rows if counts[row.sha256, row.start, row.end] > 1}
    return [
        replace(row, twin=row.key) if row.key in several and examinations[row.key].fingerprint.constant else row
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
    name: str, root: Path, utterances: Sequence[tuple[Utterance, str]], known: Known
) -> tuple[list[tuple[Row, Examination]], dict[str, str]]:
    """The rows of the recordings that can be used; of the others, name -> what is wrong. A file is decoded once."""
    groups = by_file({utterance.key: utterance.source(root) for utterance, _ in utterances})
    of_key = {utterance.key: (utterance, label) for utterance, label in utterances}
    listed: list[tuple[Row, Examination]] = []
    bad: dict[str, str] = {}
    with Progress(len(utterances), f"recordings of {name}") as progress:
        for files in in_threads(partial(_examined_portion, known), in_portions(groups), worker_count(None)):
            for file in files:
                for key, examination in file.examinations.items():
                    utterance, label = of_key[key]
                    if isinstance(examination, UserError):
                        bad[utterance.name] = str(examination)
                    else:
                        listed.append((_row(name, utterance, label, examination.measures, file.sha256), examination))
                progress.update(len(file.examinations))
    return listed, bad


@dataclass(frozen=True)
class _File:
    """An audio file: the digest of its bytes, and key -> what each segment is, or why it cannot be used."""

    sha256: str
    examinations: Mapping[str, Examination | UserError]


def _examined_portion(known: Known, portion: Sequence[Mapping[str, Segment]]) -> list[_File]:
    """Examine files that are so small that one thread takes them all."""
    return [_examined(known, segments) for segments in portion]


def _examined(known: Known, segments: Mapping[str, Segment]) -> _File:
    """Examine the segments of one file, unless all are known."""
    parts = [*segments.values()]
    try:
        if known and parts[0].path.is_file() and (file := _as_known(known, segments)):
            return file
        mark = _mark(parts[0].path)
        examinations = [_long_enough(*pair) for pair in zip(parts, examine_segments(parts), strict=True)]
        sha256 = sha256_of(parts[0].path)
        if mark != _mark(parts[0].path):  # or its measures would be known as those of other bytes
            raise UserError(f"{parts[0].path}: changed while it was read; run this again")
        return _File(sha256, dict(zip(segments, examinations, strict=True)))
    except UserError as error:
        return _File("", dict.fromkeys(segments, error))


def _mark(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from another one of its name; None where there is none, which decoding says better."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _as_known(known: Known, segments: Mapping[str, Segment]) -> _File | None:
    """The file of segments that are all known."""
    try:
        sha256 = sha256_of(next(iter(segments.values())).path)
    except OSError:  # which decoding says better
        return None
    examinations = {}
    for key, segment in segments.items():
        if (examination := known.get(source_name(sha256, segment))) is None:
            return None
        examinations[key] = _long_enough(segment, examination)
    return _File(sha256, examinations)


def _long_enough(segment: Segment, examination: Examination | UserError) -> Examination | UserError:
    if isinstance(examination, UserError):
        return examination
    try:
        check_long_enough(segment, examination.measures.frames, examination.measures.rate)
    except UserError as error:
        return error
    return examination


def _emotions(name: str, root: Path, utterances: Sequence[Utterance], table: dict[str, str]) -> list[str]:
    """The canonical label of each utterance."""
    labels = []
    for utterance in utterances:
        try:
            labels.append(label(utterance.raw_emotion, utterance.votes, utterance.dimensions, table))
        except ValueError as error:
            raise UserError(f"{root / utterance.wav}: {error}; map it in corpora.{name}.emotions") from error
    return labels


def _relative(why: str, root: Path, name: str) -> str:
    """A reason without the place of the corpus, which is another on every machine."""
    within = why.removeprefix(f"{root / name}: ").replace(str(root / name), name)
    return re.sub(rf"(?<![^\s'\"(]){re.escape(f'{root}/')}", "", within)


def _row(name: str, utterance: Utterance, emotion: str, measures: Measures, sha256: str) -> Row:
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
        length=round(measures.seconds, 6),
        sample_rate=measures.rate,
        channel=measures.channels,
        sha256=sha256,
        part=utterance.part,
        start=utterance.start,
        end=utterance.end,
        dimensions=utterance.dimensions,
        votes=utterance.votes,
    )


def counts(rows: Sequence[Row]) -> dict[str, Any]:
    """Count utterances per emotion and speaker, the speakers that are known, and the seconds of speech."""
    return {
        "utterances": len(rows),
        "speakers": len({row.speaker for row in rows if row.speaker}),
        "seconds": round(sum(row.length for row in rows), 3),
        "by_emotion": dict(sorted(Counter(row.emotion or "none" for row in rows).items())),
        "by_speaker": dict(sorted(Counter(row.speaker or "unknown" for row in rows).items())),
    }
