"""Candidates, each beside the one that it is compared with: differences, tests of them, and what was changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.evaluation.comparison import compare, holm
from pipeline.experiments.predictions import Predictions
from pipeline.report.comparison.candidate import Candidate
from pipeline.report.comparison.changes import Change, changes
from pipeline.report.comparison.choice import Reference
from pipeline.report.marks import short_note


@dataclass(frozen=True)
class Difference:
    """UA of a candidate less UA of its reference (0 to 1), and tests of it where predictions of both are had.

    Attributes:
        value: the difference.
        interval: its ends, by a paired bootstrap over speakers.
        p: two-sided, of the same bootstrap.
        p_holm: p, corrected for all differences of one corpus that are shown.
        p_mcnemar: of McNemar's exact test; None also where a protocol tests utterances several times.
        same: both have the same probabilities, so that there is nothing to test.
    """

    value: float
    interval: tuple[float, float] | None = None
    p: float | None = None
    p_holm: float | None = None
    p_mcnemar: float | None = None
    same: bool = False


@dataclass(frozen=True)
class Compared:
    """One row.

    Attributes:
        candidate: an experiment as one revision has it.
        reference: what it is compared with; None where there is nothing, or the candidate is that itself.
        difference: to it; None where there is none, or the two are not of the same test utterances.
        changes: of the params that concern it, where its reference is itself in another revision.
        notes: what to beware of.
    """

    candidate: Candidate
    reference: Candidate | None
    difference: Difference | None
    changes: list[Change]
    notes: list[str]


def comparison(shown: Sequence[Candidate], chosen: Reference, everything: Sequence[Candidate]) -> list[Compared]:
    """The rows of a table.

    Args:
        shown: what has a row.
        chosen: what each is compared with.
        everything: all candidates of all revisions.
    """
    labels = {one.label: one for one in everything}
    return _corrected([_compared(one, chosen, labels) for one in shown])


def _compared(one: Candidate, chosen: Reference, labels: Mapping[str, Candidate]) -> Compared:
    marks = [*filter(None, [one.obtained.note]), *map(short_note, one.marks)]
    other = chosen.of(one, labels) if chosen else None
    if chosen and other is None:
        absent = f"nothing to compare with: {chosen.revision or one.revision.name} has no scores of it"
        return Compared(one, None, None, [], [absent, *marks])
    if other is None or other is one:
        return Compared(one, None, None, [], marks)
    difference, notes = _difference(one, other)
    changed = changes(one.name, other.params, one.params) if one.name == other.name else []
    return Compared(one, other, difference, changed, [*notes, *marks])


def _difference(one: Candidate, other: Candidate) -> tuple[Difference | None, list[str]]:
    """The difference, and what to beware of in it."""
    unlike = _unlike(one, other)
    if one.predictions is None or other.predictions is None:
        return _untested(one, other, unlike)
    if _is_same(one.predictions, other.predictions):
        return Difference(0.0, same=True), [f"other {text}" for text in unlike.values()]
    pairs = compare({one.label: one.predictions, other.label: other.predictions}, other.scoring, other.seed)
    if not pairs:
        return None, [_not_the_same(unlike or {"utterances": "other utterances or labels"})]
    pair = pairs[0]
    difference = Difference(pair.difference, (pair.low, pair.high), pair.p, pair.p, pair.p_mcnemar)
    return difference, [f"other {text}" for text in unlike.values()]


def _is_same(one: Predictions, other: Predictions) -> bool:
    """Whether the test parts are the same, with the same probabilities."""
    return one.card.get("corpus") == other.card.get("corpus") and _tests(one) == _tests(other)


def _tests(predictions: Predictions) -> list[tuple[object, ...]]:
    """The classes, and fold, key, label and probabilities of each test."""
    columns = (predictions.fold, predictions.keys, predictions.emotions)
    rows = [(*(column[i] for column in columns), *predictions.rows[i]) for i in predictions.where("test")]
    return [(*predictions.classes,), *rows]


def _untested(one: Candidate, other: Candidate, unlike: Mapping[str, str]) -> tuple[Difference | None, list[str]]:
    """The difference of two scores, of which not all predictions are had."""
    ours, theirs = one.score("UA"), other.score("UA")
    if ours is None or theirs is None or {*unlike} - {"protocol"}:
        return None, [_not_the_same(unlike)]
    notes = [f"perhaps {_not_the_same(unlike)}"] if unlike else []
    notes += [f"no test of the difference: {reason}" for reason in (one.unread, other.unread) if reason]
    return Difference(ours - theirs), notes


def _not_the_same(unlike: Mapping[str, str]) -> str:
    return f"not tested alike: {'; '.join(unlike.values())}"


def _unlike(one: Candidate, other: Candidate) -> dict[str, str]:
    """In which of corpus, classes, protocol and tests the two differ, as far as metrics and params say it, and how."""
    return {
        what: f"{what} {ours}, in {_apart_from(one, other)} {theirs}"
        for what, ours, theirs in _tested(one, other)
        if ours and theirs and ours != theirs
    }


def _apart_from(one: Candidate, other: Candidate) -> str:
    """The other's name for who looks at the one: its revision, its experiment, or both."""
    if one.name == other.name:
        return other.revision.name
    return other.name if one.revision == other.revision else other.label


def _tested(one: Candidate, other: Candidate) -> Iterator[tuple[str, str, str]]:
    """What, and how it is in both; "" where it is not known."""
    yield "corpus", one.corpus, other.corpus
    yield "speakers", _heard(one), _heard(other)
    yield "classes", ", ".join(one.tests), ", ".join(other.tests)
    yield "protocol", _scheme(one.protocol, other.protocol), _scheme(other.protocol, one.protocol)
    if {*one.tests} == {*other.tests}:
        yield "tests", _counts(one), _counts(other)


def _heard(one: Candidate) -> str:
    """Whether its test speakers were trained on, as its predictions say."""
    if one.predictions is None:
        return ""
    return "heard in training" if one.predictions.card.get("speaker_dependent") else "new"


def _counts(one: Candidate) -> str:
    return ", ".join(f"{name} {count}" for name, count in one.tests.items())


def _scheme(protocol: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """A protocol's scheme; where another has the same, with those of its params that differ."""
    scheme = str(protocol.get("scheme", ""))
    if scheme != other.get("scheme"):
        return scheme
    differing = [key for key in {**protocol, **other} if protocol.get(key) != other.get(key)]
    return ", ".join([scheme, *(f"{key} {protocol.get(key, 'not given')}" for key in differing)])


def _corrected(rows: list[Compared]) -> list[Compared]:
    """The same with `p_holm`: the differences of a corpus are a family."""
    families: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        if row.difference and row.difference.p is not None:
            families.setdefault(row.candidate.corpus, []).append(i)
    for family in families.values():
        differences = {i: difference for i in family if (difference := rows[i].difference)}
        corrected = holm([difference.p or 0.0 for difference in differences.values()])
        for (i, difference), p in zip(differences.items(), corrected, strict=True):
            rows[i] = replace(rows[i], difference=replace(difference, p_holm=p))
    return rows
