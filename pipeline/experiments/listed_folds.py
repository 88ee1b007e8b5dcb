"""Folds that others made, on a corpus's own recordings; what is missing on one side is counted, and an error."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pipeline.config.protocols import EmoBox, Predefined, ProtocolParams, list_of
from pipeline.corpora.fold_lists import PARTS, SPELLINGS, FoldList, Listed, read_emobox, read_table
from pipeline.corpora.name_rules import named_utterances, names_of
from pipeline.corpora.recording_names import matches, same_recordings
from pipeline.errors import UserError
from pipeline.experiments.labelled import Fold, Indices, Labelled, corpus_title
from pipeline.experiments.quiet_sklearn import quiet_sklearn
from pipeline.experiments.shared_speakers import shared_speakers


def listed_folds(
    rows: Sequence[Labelled], protocol: Predefined | EmoBox, seed: int, left_out: Sequence[Labelled] = ()
) -> list[Fold]:
    """The folds that lists give, without those that test none of the rows.

    Args:
        rows: the utterances of an experiment, with its classes.
        protocol: which lists.
        seed: of a validation part that the lists do not have.
        left_out: utterances of the corpus that the experiment does without, which may be in the lists.

    Raises:
        UserError: a list cannot be read, has recordings that the corpus lacks or the other way round, has one in two
            parts of a fold or in two test parts, or calls one emotion what are two classes of the corpus; or nothing is
            tested.
    """
    lists = _lists(rows, protocol)
    places = _places(rows, left_out, lists, protocol)
    _check_apart(rows, lists, places)
    folds = [fold for fold in (_fold(each, places) for each in lists) if len(fold.test)]
    if not folds:
        raise UserError(f"{corpus_title(rows)}: {_title(protocol)} tests none of its recordings")
    return _validated(rows, folds, protocol, seed)


def coverage(
    rows: Sequence[Labelled], protocol: ProtocolParams, folds: Iterable[Fold], left_out: Sequence[Labelled] = ()
) -> dict[str, int]:
    """How much of the lists of others is here: nothing for a protocol without any, for a card.

    Args:
        rows: the utterances of an experiment.
        protocol: which lists.
        folds: those of the lists, on these rows.
        left_out: utterances of the corpus that the experiment does without.

    Returns:
        `recordings`: those that the lists name; `here`: those that folds have; `unlisted`: rows that no list names.
    """
    if not isinstance(protocol, Predefined | EmoBox) or list_of(protocol) is None:
        return {}
    listed = _entries(_lists(rows, protocol))
    names = names_of(listed, named_utterances(listed))
    here = {int(i) for fold in folds for part in (fold.train, fold.validation, fold.test) for i in part}
    known = [(row.key, row.wav) for row in (*rows, *left_out)]
    places = {*matches([(one.key, one.wav) for one in listed], known, names)}
    unlisted = len({*range(len(rows))} - places)
    return {"recordings": len({*same_recordings(names)}), "here": len(here), "unlisted": unlisted}


def _entries(lists: Iterable[FoldList]) -> list[Listed]:
    """Each line of the lists once."""
    return list(dict.fromkeys(one for fold in lists for part in fold.parts().values() for one in part))


def _lists(rows: Sequence[Labelled], protocol: Predefined | EmoBox) -> list[FoldList]:
    if isinstance(protocol, EmoBox):
        return read_emobox(protocol.folder)
    return [_own_parts(rows)] if protocol.file is None else read_table(protocol.file)


def _title(protocol: Predefined | EmoBox) -> str:
    return str(list_of(protocol) or "its own split")


def _own_parts(rows: Sequence[Labelled]) -> FoldList:
    """The parts that a manifest says; recordings without one are in none."""
    parts: dict[str, list[Listed]] = {part: [] for part in PARTS}
    split_corpora = {row.dataset for row in rows if row.part}
    files = Counter(row.wav for row in rows)  # a file of several segments names none of them
    for row in rows:
        part = SPELLINGS.get(row.part.casefold())
        if part is None and not row.part and row.dataset in split_corpora:
            continue
        if part is None:
            what = f"{row.part!r} is no part ({', '.join(PARTS)})" if row.part else "has no part of its own"
            raise UserError(
                f"{row.dataset}: {row.key!r}: {what}, and this protocol takes the corpus's own; give the protocol a "
                "`file` with them, or choose another scheme"
            )
        parts[part].append(Listed(row.key, row.key, row.wav if files[row.wav] == 1 else ""))
    return FoldList("0", **{part: tuple(listed) for part, listed in parts.items()})


def _places(
    rows: Sequence[Labelled], left_out: Sequence[Labelled], lists: Sequence[FoldList], protocol: Predefined | EmoBox
) -> Mapping[Listed, int]:
    """The row of each recording that is listed, where it has one."""
    listed, known = _entries(lists), [*rows, *left_out]
    names = names_of(listed, named_utterances(listed))
    found = matches([(one.key, one.wav) for one in listed], [(row.key, row.wav) for row in known], names)
    places = {one: number for one, number in zip(listed, found, strict=True) if number is not None}
    own = {one: number for one, number in places.items() if number < len(rows)}
    _check_labels(rows, own)
    if protocol.missing == "fail":
        _check_all_there(rows, listed, places, own, protocol)
    return own


def _check_labels(rows: Sequence[Labelled], places: Mapping[Listed, int]) -> None:
    """Refuse lists that call one emotion what are two classes here: a recording is another's, or one of them errs."""
    first: dict[str, tuple[str, int]] = {}
    for one, number in places.items():
        code = one.code.casefold()
        emotion, other = first.setdefault(code, (rows[number].emotion, number))
        if code and emotion != rows[number].emotion:
            raise UserError(
                f"{one.where}: {one.name!r} is {one.code!r}, as {rows[other].key!r} is, which are "
                f"{rows[number].emotion!r} and {emotion!r} in {rows[number].dataset}; mend one of them"
            )


def _check_all_there(
    rows: Sequence[Labelled],
    listed: Sequence[Listed],
    places: Mapping[Listed, int],
    own: Mapping[Listed, int],
    protocol: Predefined | EmoBox,
) -> None:
    """Refuse what only one side has; a list may have emotions that the corpus, as it is here, has not."""
    emotions = {one.label for one in own}
    lacking = _by_name(one for one in listed if one not in places and (not own or one.label in emotions))
    name, title = corpus_title(rows), _title(protocol)
    cure = "list them" if list_of(protocol) else "give each a part"
    if lacking:
        first, count = next(iter(lacking.values())), len(_by_name(listed))
        raise UserError(
            f"{name}: lacks {len(lacking)} of the {count} recordings of {title}, first {first.name!r} ({first.where}); "
            "bring them, or set the protocol's missing: leave_out"
        )
    if unlisted := sorted(set(range(len(rows))).difference(own.values())):
        raise UserError(
            f"{name}: {len(unlisted)} of its {len(rows)} recordings are not in {title}, first "
            f"{rows[unlisted[0]].key!r}; {cure}, choose fewer `emotions`, or set the protocol's missing: leave_out"
        )


def _by_name(listed: Iterable[Listed]) -> dict[str, Listed]:
    names: dict[str, Listed] = {}
    for one in listed:
        names.setdefault(one.name, one)
    return names


def _check_apart(rows: Sequence[Labelled], lists: Sequence[FoldList], places: Mapping[Listed, int]) -> None:
    """Refuse a recording in two parts of a fold, or in the test parts of two, under one name or two."""
    tested: dict[int, Listed] = {}
    for fold in lists:
        parts: dict[int, tuple[str, Listed]] = {}
        for part, one in ((part, one) for part, listed in fold.parts().items() for one in listed if one in places):
            other, first = parts.setdefault(places[one], (part, one))
            if other != part:
                raise UserError(
                    f"{_both(rows, places, first, one)}: in the {other} and in the {part} part of fold {fold.name}; "
                    "take one out"
                )
        own = {places[one]: one for one in fold.test if one in places}
        for number, one in own.items():
            if number in tested:
                raise UserError(
                    f"{_both(rows, places, tested[number], one)}: tested twice, in fold {fold.name} again; take one out"
                )
        tested |= own


def _both(rows: Sequence[Labelled], places: Mapping[Listed, int], first: Listed, second: Listed) -> str:
    """A recording, and the two entries that name it."""
    row = rows[places[first]]
    return (
        f"{row.dataset}: {row.key!r} is listed as {first.name!r} ({first.where}) and {second.name!r} ({second.where})"
    )


def _fold(fold: FoldList, places: Mapping[Listed, int]) -> Fold:
    parts = [sorted({places[one] for one in part if one in places}) for part in fold.parts().values()]
    train, validation, test = (np.array(part, np.int64) for part in parts)
    return Fold(train, validation, test)


def _validated(rows: Sequence[Labelled], folds: Sequence[Fold], protocol: Predefined | EmoBox, seed: int) -> list[Fold]:
    """The folds with the validation parts that the protocol asks for."""
    if protocol.validation is None:
        return [*folds]
    if not protocol.validation:
        return [Fold(np.union1d(fold.train, fold.validation), fold.validation[:0], fold.test) for fold in folds]
    if any(len(fold.validation) for fold in folds):
        raise UserError(
            f"{corpus_title(rows)}: {_title(protocol)} has a validation part of its own; leave the protocol's "
            "`validation` out to take it, or set it to 0 to train on it"
        )
    by_speaker = not shared_speakers(rows, folds).dependent
    validated = []
    for fold in folds:
        held_out = _held_out(rows, fold.train, protocol.validation, seed, by_speaker)
        validated.append(Fold(np.setdiff1d(fold.train, held_out), held_out, fold.test))
    return validated


def _held_out(rows: Sequence[Labelled], train: Indices, share: float, seed: int, by_speaker: bool) -> Indices:
    """About that share of a training part, stratified by emotion, recordings of one content together."""
    from sklearn.model_selection import StratifiedGroupKFold

    groups = [rows[i].speaker if by_speaker else rows[i].content for i in train]
    folds = max(2, round(1 / share))
    if len(set(groups)) < folds:
        what = "speakers" if by_speaker else "recordings"
        raise UserError(
            f"{corpus_title(rows)}: {len(set(groups))} training {what} are too few for validation {share:g}; raise it "
            f"to {1 / max(2, len(set(groups))):.2g}, or set it to 0"
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    try:
        with quiet_sklearn():
            _, held_out = next(splitter.split(train, [rows[i].emotion for i in train], groups))
    except ValueError as error:
        problem = f"validation {share:g} cannot be had: no emotion has {folds} training recordings; raise it"
        raise UserError(f"{corpus_title(rows)}: {problem}") from error
    return np.sort(train[held_out])
