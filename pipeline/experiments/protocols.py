"""Protocols: who is trained on, validated on and tested on; and the checks that nothing leaks."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from pipeline.config.protocols import (
    EmoBox,
    GroupedKFold,
    LeaveOneCorpusOut,
    LeaveOneSessionOut,
    LeaveOneSpeakerOut,
    Predefined,
    ProtocolParams,
    StratifiedSplit,
    has_validation,
    repeats,
)
from pipeline.errors import UserError
from pipeline.experiments.corpus_folds import corpus_folds
from pipeline.experiments.labelled import Fold, Indices, Labelled, corpus_title
from pipeline.experiments.listed_folds import listed_folds
from pipeline.experiments.quiet_sklearn import quiet_sklearn
from pipeline.experiments.shared_speakers import shared_speakers
from pipeline.experiments.speaker_folds import deals
from pipeline.experiments.tied_speakers import tied_names

COMMON = "give the experiment `emotions` that two of its corpora have at least, or a class set that merges them"


def is_speaker_dependent(protocol: ProtocolParams) -> bool:
    """Whether test speakers may have been trained on; `shared_speakers` looks whether they were."""
    return isinstance(protocol, StratifiedSplit | Predefined | EmoBox)


def is_validated(
    rows: Sequence[Labelled], protocol: ProtocolParams, seed: int, left_out: Sequence[Labelled] = ()
) -> bool:
    """Whether folds have a validation part, by looking at what lists and the corpus's own parts hold out.

    Args:
        rows: the utterances of an experiment, with its classes.
        protocol: who is trained on and tested on.
        seed: of the split.
        left_out: utterances of the corpus that the experiment does without, which lists of others may have.
    """
    if isinstance(protocol, Predefined | EmoBox) and protocol.validation is None:
        return any(len(fold.validation) for fold in listed_folds(rows, protocol, seed, left_out))
    return has_validation(protocol)


def split(
    rows: Sequence[Labelled], protocol: ProtocolParams, seed: int, left_out: Sequence[Labelled] = ()
) -> list[Fold]:
    """Cut a corpus into folds; again with the next seed, where the protocol is repeated, and so on.

    Args:
        rows: the utterances of an experiment, with its classes.
        protocol: who is trained on and tested on.
        seed: of the split.
        left_out: utterances of the corpus that the experiment does without, which lists of others may have.

    Raises:
        UserError: speakers are unknown or too few, a part would lack utterances, or lists and corpus do not fit.
    """
    folds: list[Fold] = []
    for number, own in enumerate(_splits(rows, protocol, seed, left_out)):
        check(rows, own, protocol, first=len(folds))
        folds += [replace(fold, repeat=number) for fold in own]
    return folds


def _splits(
    rows: Sequence[Labelled], protocol: ProtocolParams, seed: int, left_out: Sequence[Labelled]
) -> Iterator[list[Fold]]:
    """The folds of each split of the corpus."""
    if isinstance(protocol, Predefined | EmoBox):
        yield listed_folds(rows, protocol, seed, left_out)
        return
    if isinstance(protocol, StratifiedSplit):
        yield from ([_stratified(rows, protocol, seed + number)] for number in range(repeats(protocol)))
        return
    if isinstance(protocol, LeaveOneCorpusOut):
        yield list(corpus_folds(rows, protocol.validation_speakers))
        return
    speakers = _speakers(rows, max(getattr(protocol, "folds", 2), protocol.validation_speakers + 2))
    if isinstance(protocol, LeaveOneSessionOut):
        speakers = np.array([row.speaker for row in rows])
    for groups in _groups(rows, speakers, protocol, seed):
        yield list(_grouped(speakers, groups, protocol.validation_speakers))


def _speakers(rows: Sequence[Labelled], needed: int) -> NDArray[np.str_]:
    speakers = np.array([row.speaker for row in rows])
    if (speakers == "").any():
        row = rows[int(np.flatnonzero(speakers == "")[0])]
        raise UserError(
            f"{row.dataset}: the speaker of {row.key!r} is unknown, and this protocol holds out speakers; "
            "name speakers (folder reader: a speaker column or speaker_pattern), or choose the stratified_split scheme"
        )
    known, speakers = len(set(speakers)), np.array(tied_names(rows))
    if (count := len(set(speakers))) < needed:
        tied = f", of whom some have recordings in common and count as one ({count})" if count < known else ""
        raise UserError(f"{corpus_title(rows)}: has {known} speakers{tied}, and this protocol needs at least {needed}")
    return speakers


def _groups(
    rows: Sequence[Labelled],
    speakers: NDArray[np.str_],
    protocol: LeaveOneSpeakerOut | LeaveOneSessionOut | GroupedKFold,
    seed: int,
) -> list[list[list[str]]]:
    """For each split of the corpus, the speakers that each fold tests."""
    if isinstance(protocol, LeaveOneSessionOut):
        return [_sessions(rows)]
    if isinstance(protocol, LeaveOneSpeakerOut):
        return [[[speaker] for speaker in sorted(set(speakers))]]
    try:
        return deals([f"{row.dataset} {row.emotion}" for row in rows], speakers, protocol.folds, protocol.repeats, seed)
    except ValueError as error:
        problem = f"cannot be cut into {protocol.folds} folds: no emotion has so many recordings; lower folds"
        raise UserError(f"{corpus_title(rows)}: {problem}") from error
    except UserError as error:
        raise UserError(f"{corpus_title(rows)}: {error}") from error


def _grouped(speakers: NDArray[np.str_], groups: Sequence[Sequence[str]], validation_speakers: int) -> Iterator[Fold]:
    order = [speaker for group in groups for speaker in group]
    for group in groups:
        # The speakers after the tested ones, round the circle: each is validated on about equally often.
        after = order.index(group[-1]) + 1
        validation = [s for s in [*order[after:], *order[:after]] if s not in group][:validation_speakers]
        in_test, in_validation = np.isin(speakers, group), np.isin(speakers, validation)
        yield Fold(np.flatnonzero(~in_test & ~in_validation), np.flatnonzero(in_validation), np.flatnonzero(in_test))


def _sessions(rows: Sequence[Labelled]) -> list[list[str]]:
    """The speakers of each session, in the order of sessions."""
    sessions: dict[str, set[str]] = {}
    session_of: dict[str, str] = {}
    for row in rows:
        if not row.session:
            raise UserError(
                f"{row.dataset}: the session of {row.key!r} is unknown, and leave_one_session_out holds out sessions; "
                "give it (folder reader: a session column), or choose leave_one_speaker_out"
            )
        if session_of.setdefault(row.speaker, row.session) != row.session:
            both = f"{session_of[row.speaker]!r} and {row.session!r}"
            raise UserError(
                f"{row.dataset}: speaker {row.speaker!r} is in the sessions {both}, so that leave_one_session_out "
                "would test on a speaker who was trained on; choose leave_one_speaker_out"
            )
        sessions.setdefault(row.session, set()).add(row.speaker)
    if len(sessions) < 2:
        raise UserError(f"{corpus_title(rows)}: has one session, and leave_one_session_out needs at least 2")
    return [sorted(sessions[session]) for session in sorted(sessions)]


def _stratified(rows: Sequence[Labelled], protocol: StratifiedSplit, seed: int) -> Fold:
    every = np.arange(len(rows))
    rest, test = _cut(rows, _once(rows, every), "test", protocol.test, 1, seed)
    if not protocol.validation:
        return Fold(_with_twins(rows, every, rest), rest[:0], _with_twins(rows, every, test))
    train, validation = _cut(rows, rest, "validation", protocol.validation, 1 - protocol.test, seed)
    parts = [_with_twins(rows, every, part) for part in (train, validation, test)]
    return Fold(parts[0], parts[1], parts[2])


def _cut(
    rows: Sequence[Labelled], among: Indices, part: str, share: float, whole: float, seed: int
) -> tuple[Indices, Indices]:
    """What is left, and a part of so large a share of the corpus, of which `among` is as much as `whole` says.

    By emotion; of several corpora, by the emotions of each, so that every part has all corpora.
    """
    from sklearn.model_selection import train_test_split

    emotions = [f"{rows[i].dataset} {rows[i].emotion}" for i in among]
    if problem := _uncut([rows[i] for i in among], part, share, whole):
        raise UserError(f"{corpus_title(rows)}: cannot be split by emotion: {problem}")
    left, taken = train_test_split(among, test_size=share / whole, stratify=emotions, random_state=seed)
    return _of_each(dict(zip(among.tolist(), emotions, strict=True)), left, taken)


def _of_each(emotions: Mapping[int, str], left: Indices, taken: Indices) -> tuple[Indices, Indices]:
    """Two parts with one recording at least of each emotion: a rare one's share of a part may be rounded to none."""
    parts = [left.tolist(), taken.tolist()]
    for one, other in (parts, parts[::-1]):
        for emotion in sorted({*emotions.values()} - {emotions[i] for i in other}):
            moved = next(i for i in one if emotions[i] == emotion)
            one.remove(moved)
            other.append(moved)
    return np.array(parts[0], np.int64), np.array(parts[1], np.int64)


def _uncut(rows: Sequence[Labelled], part: str, share: float, whole: float) -> str:
    """Why scikit-learn cannot take a part with each of the rows' emotions, and leave each; "" where it can."""
    counts, count = Counter((row.dataset, row.emotion) for row in rows), len(rows)
    ((dataset, emotion), least), each = min(counts.items(), key=itemgetter(1)), len(counts)
    if least < 2:
        beside = "" if whole == 1 else " beside the test part"
        without = "take `validation: 0`, or " if part == "validation" else "or "
        return (
            f"emotion {emotion!r} of {dataset} has one recording{beside}, and the {part} part and what is trained on "
            f"need one each; bring more of it, {without}leave it out by the experiment's `emotions`"
        )
    taken = math.ceil(share / whole * count)
    if min(taken, count - taken) >= each:
        return ""
    if taken < each:
        few, cure = (
            f"{part} part would have {taken}",
            f"raise {part} to {math.ceil(100 * whole * each / count) / 100:g}",
        )
    else:
        most = math.floor(100 * whole * (count - each) / count) / 100
        few, cure = f"training part would have {count - taken}", f"lower {part} to {most:g}"
    return f"the {few} of {count} recordings, too few for one of each emotion ({each}); {cure}"


def _once(rows: Sequence[Labelled], among: Indices) -> Indices:
    """Of those that have the same content, the first."""
    firsts: dict[str, int] = {}
    for i in among.tolist():
        firsts.setdefault(rows[i].content, i)
    return np.array([*firsts.values()], np.int64)


def _with_twins(rows: Sequence[Labelled], among: Indices, chosen: Indices) -> Indices:
    """Those that have the content of one that is chosen, in their order."""
    contents = {rows[i].content for i in chosen}
    return np.array([i for i in among.tolist() if rows[i].content in contents], np.int64)


def inner_folds(
    rows: Sequence[Labelled], train: Indices, protocol: ProtocolParams, seed: int, test: Indices | None = None
) -> list[tuple[Indices, Indices]]:
    """Cut a training part again, into (fitted on, predicted) parts, along speakers unless the protocol ignores them.

    Recordings with the same content stay together.

    Args:
        rows: the utterances of an experiment.
        train: the training part.
        protocol: says how many.
        seed: of the cut.
        test: the test part, by which folds that others made are seen to ignore speakers, or not.

    Raises:
        UserError: there are too few speakers or utterances for `inner_folds`.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if not protocol.inner_folds:
        return []
    dependent = is_speaker_dependent(protocol)
    if isinstance(protocol, Predefined | EmoBox) and test is not None:
        dependent = shared_speakers(rows, [Fold(train, train[:0], test)]).dependent
    once = _once(rows, train)
    emotions = np.array([rows[i].emotion for i in once])
    names = tied_names(rows)
    speakers = np.array([names[i] for i in once])
    if not dependent and len(set(speakers)) < protocol.inner_folds:
        raise UserError(
            f"{corpus_title(rows)}: {len(set(speakers))} training speakers, but inner_folds {protocol.inner_folds}; "
            "lower inner_folds or validation_speakers, or bring more speakers"
        )
    splitter = (StratifiedKFold if dependent else StratifiedGroupKFold)(
        protocol.inner_folds, shuffle=True, random_state=seed
    )
    try:
        with quiet_sklearn():
            parts = list(splitter.split(once, emotions, None if dependent else speakers))
    except ValueError as error:
        problem = (
            f"inner_folds {protocol.inner_folds} are too many: no emotion has so many training recordings; lower them"
        )
        raise UserError(f"{corpus_title(rows)}: {problem}") from error
    return [(_with_twins(rows, train, once[fitted]), _with_twins(rows, train, once[held])) for fitted, held in parts]


def check(rows: Sequence[Labelled], folds: Sequence[Fold], protocol: ProtocolParams, first: int = 0) -> None:
    """Refuse folds that leak or that cannot be scored, of one split of the corpus; the first one's number is `first`.

    Raises:
        UserError: parts overlap or share a recording under two names, an utterance is tested twice, a test or
            validation speaker was trained on under a speaker-independent protocol, or an emotion that is tested was
            never trained on.
    """
    name, validated = corpus_title(rows), _wants_validation(folds, protocol)
    tested: set[int] = set()
    for number, fold in enumerate(folds, first):
        parts = {"training": set(fold.train), "validation": set(fold.validation), "test": set(fold.test)}
        for part, members in parts.items():
            if not members and (part != "validation" or validated):
                raise UserError(f"{name}: the {part} part of fold {number} is empty")
        if sum(map(len, parts.values())) != len(set().union(*parts.values())):
            raise UserError(f"{name}: the parts of fold {number} overlap")
        if parted := _parted_twins(rows, parts):
            cure = "; take it out of one of the two corpora" if isinstance(protocol, LeaveOneCorpusOut) else ""
            raise UserError(f"{name}: {parted} of fold {number}{cure}")
        if again := tested & parts["test"]:
            raise UserError(f"{name}: {rows[min(again)].key!r} of fold {number} is tested twice")
        tested |= parts["test"]
        if not is_speaker_dependent(protocol):
            trained = {rows[i].speaker for i in fold.train} - {""}
            for part in ("validation", "test"):
                shared = trained & {rows[i].speaker for i in parts[part]}
                if shared:
                    raise UserError(
                        f"{name}: speaker {min(shared)!r} of the {part} part of fold {number} is trained on"
                    )
        missing = {rows[i].emotion for i in fold.test} - {rows[i].emotion for i in fold.train}
        if missing:
            cure = f"; {COMMON}" if isinstance(protocol, LeaveOneCorpusOut) else ""
            raise UserError(f"{name}: emotion {min(missing)!r} is tested in fold {number} but not trained on{cure}")


def _wants_validation(folds: Sequence[Fold], protocol: ProtocolParams) -> bool:
    """Whether each fold should have a validation part; lists without any have none to give."""
    if isinstance(protocol, Predefined | EmoBox) and protocol.validation is None:
        return any(len(fold.validation) for fold in folds)
    return has_validation(protocol)


def _parted_twins(rows: Sequence[Labelled], parts: Mapping[str, set[int]]) -> str:
    """The first recording that is in two parts under two names, and which; "" where there is none."""
    places: dict[str, tuple[str, int]] = {}
    for part, members in parts.items():
        for i in sorted(members):
            other, first = places.setdefault(rows[i].content, (part, i))
            if other != part:
                return f"{rows[i].key!r} of the {part} part is the recording {rows[first].key!r} of the {other} part"
    return ""
