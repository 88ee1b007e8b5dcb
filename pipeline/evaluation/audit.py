"""What the parts of folds share that should share nothing: speakers, recordings under whatever name, and texts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.corpora.fold_lists import FoldList, Listed
from pipeline.corpora.manifest import Row
from pipeline.corpora.name_rules import named_utterances
from pipeline.corpora.recording_names import matches
from pipeline.evaluation.leaks import contents

WHAT: Final = ("speakers", "recordings", "texts")


@dataclass(frozen=True)
class Overlap:
    """What a part has of one sort.

    Attributes:
        own: all that is known.
        shared: which of it was heard before.
        unknown: recordings of which it is not known, here or before.
    """

    own: frozenset[str]
    shared: frozenset[str]
    unknown: int

    def __str__(self) -> str:
        """As `10 of 10`; `unknown` where nothing is known."""
        return f"{len(self.shared)} of {len(self.own)}" if self.own or not self.unknown else "unknown"


@dataclass(frozen=True)
class PartAudit:
    """A validation or test part against what comes before it.

    Attributes:
        fold: its fold's name.
        part: which part.
        trained: recordings in the training part.
        recordings: recordings in the part itself.
        overlaps: for each of `WHAT`.
    """

    fold: str
    part: str
    trained: int
    recordings: int
    overlaps: Mapping[str, Overlap]

    def leaks(self, strict: bool) -> bool:
        """Whether a recording is shared; or, where it is looked at strictly, a speaker, or none can tell."""
        speakers = self.overlaps["speakers"]
        return bool(self.overlaps["recordings"].shared or (strict and (speakers.shared or speakers.unknown)))


@dataclass(frozen=True)
class _Identity:
    """A recording as it is told from others; "" for what is not known."""

    recordings: str
    speakers: str
    texts: str


def audit(
    folds: Sequence[FoldList], rows: Sequence[Row] = (), twins: Mapping[str, str] | None = None
) -> list[PartAudit]:
    """Look at every validation part and every test part.

    Speakers and texts of a part are held against the training part. Recordings are held against all other parts.

    Args:
        folds: who is in which part.
        rows: a manifest that says who speaks, what, and which recordings sound the same; names alone say it without.
        twins: key -> the key of the same recording, as far as is known without a manifest.
    """
    identities = _identities(folds, rows, twins or {})
    audits = []
    for fold in folds:
        trained, validated, tested = ([identities[one] for one in part] for part in fold.parts().values())
        if validated:
            audits.append(_part(fold.name, "validation", validated, trained, trained))
        audits.append(_part(fold.name, "test", tested, trained, [*trained, *validated]))
    return audits


def total(audits: Sequence[PartAudit], part: str = "test") -> PartAudit:
    """All folds' parts of one name together: what is shared in one of them is shared."""
    own = [one for one in audits if one.part == part]
    overlaps = {
        what: Overlap(
            frozenset[str]().union(*(one.overlaps[what].own for one in own)),
            frozenset[str]().union(*(one.overlaps[what].shared for one in own)),
            max((one.overlaps[what].unknown for one in own), default=0),
        )
        for what in WHAT
    }
    return PartAudit("all", part, sum(one.trained for one in own), sum(one.recordings for one in own), overlaps)


def unmatched(folds: Sequence[FoldList], rows: Sequence[Row]) -> list[str]:
    """Names of the recordings that the manifest lacks, or has more than once."""
    listed = _distinct(folds)
    found = matches([(one.key, one.wav) for one in listed], [(row.key, row.wav) for row in rows])
    return list(dict.fromkeys(one.name for one, number in zip(listed, found, strict=True) if number is None))


def _distinct(folds: Sequence[FoldList]) -> list[Listed]:
    return list(dict.fromkeys(one for fold in folds for part in fold.parts().values() for one in part))


def _identities(folds: Sequence[FoldList], rows: Sequence[Row], twins: Mapping[str, str]) -> dict[Listed, _Identity]:
    listed, content_of = _distinct(folds), contents(rows)
    found = matches([(one.key, one.wav) for one in listed], [(row.key, row.wav) for row in rows])
    identities = {}
    for one, number, told in zip(listed, found, named_utterances(listed), strict=True):
        row = None if number is None else rows[number]
        about = [each for each in (one, row, told) if each is not None]
        identities[one] = _Identity(
            content_of[row.key] if row else twins.get(one.key, one.name),
            next((each.speaker for each in about if each.speaker), ""),
            next((each.text for each in about if each.text), ""),
        )
    return identities


def _part(
    fold: str, part: str, own: Sequence[_Identity], trained: Sequence[_Identity], heard: Sequence[_Identity]
) -> PartAudit:
    overlaps = {what: _overlap(what, own, heard if what == "recordings" else trained) for what in WHAT}
    counts = [len({one.recordings for one in recordings}) for recordings in (trained, own)]
    return PartAudit(fold, part, counts[0], counts[1], overlaps)


def _overlap(what: str, own: Iterable[_Identity], others: Iterable[_Identity]) -> Overlap:
    values, heard = ([getattr(one, what) for one in part] for part in (own, others))
    known = frozenset(values) - {""}
    return Overlap(known, known.intersection(heard), values.count("") + heard.count(""))
