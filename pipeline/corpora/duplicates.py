"""Recordings that a corpus holds more than once, by what they sound like and not by their names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.audio.fingerprint import Fingerprint
from pipeline.audio.fingerprint_index import near_pairs
from pipeline.corpora.base import DuplicatesPolicy
from pipeline.corpora.manifest import Row
from pipeline.errors import UserError
from pipeline.storage.source import counted


@dataclass(frozen=True)
class Duplicates:
    """Rows whose recordings have the same content, in the order of the corpus.

    Attributes:
        rows: two at least.
        exact: whether their samples are the same; else some are louder, trimmed, shifted, resampled or encoded anew.
    """

    rows: tuple[Row, ...]
    exact: bool

    @property
    def conflict(self) -> tuple[Row, Row, str] | None:
        """The first two rows that cannot both be right, and what differs; an unknown speaker differs from none."""
        known = next((row for row in self.rows if row.speaker), self.rows[0])
        for other in self.rows:
            if difference := _difference(known, other):
                return known, other, difference
        return None


def _difference(one: Row, other: Row) -> str:
    pairs = {"speaker": (one.speaker, other.speaker), "label": (one.emotion, other.emotion)}
    return " and ".join(f"another {what} ({a!r} and {b!r})" for what, (a, b) in pairs.items() if a and b and a != b)


def find(rows: Sequence[Row], prints: Sequence[Fingerprint]) -> list[Duplicates]:
    """The groups of rows with the same content, in the order of their first rows.

    Args:
        rows: of a corpus.
        prints: the fingerprint of each.
    """
    first: dict[str, int] = {}
    leaders = [i if each.constant else first.setdefault(each.digest, i) for i, each in enumerate(prints)]
    distinct = [i for i, leader in enumerate(leaders) if leader == i]
    for one, other in near_pairs([prints[i] for i in distinct]):
        low, high = sorted(_leader(leaders, distinct[i]) for i in (one, other))
        leaders[high] = low
    groups: dict[int, list[int]] = {}
    for i in range(len(rows)):
        groups.setdefault(_leader(leaders, i), []).append(i)
    return [
        Duplicates(tuple(rows[i] for i in group), exact=_equal([prints[i] for i in group]))
        for group in groups.values()
        if len(group) > 1
    ]


def _equal(prints: Sequence[Fingerprint]) -> bool:
    return len({each.digest for each in prints}) == 1 and not prints[0].constant


def _leader(leaders: Sequence[int], i: int) -> int:
    """The first of the group that i is in, where each leads to one before it."""
    while leaders[i] != i:
        i = leaders[i]
    return i


def resolve(
    rows: Sequence[Row], groups: Sequence[Duplicates], policy: DuplicatesPolicy, corpus: str, root: Path
) -> list[Row]:
    """The rows that stay, each with its `twin`: the first row with the same content that stays, "" where it is itself.

    Args:
        rows: of a corpus.
        groups: its duplicates.
        policy: what becomes of a group with several speakers or labels: an error, its first row stays, or none.
        corpus: its name.
        root: its folder.

    Raises:
        UserError: there is such a group, and the policy is to fail; or no row stays.
    """
    conflicting = [(group, conflict) for group in groups if (conflict := group.conflict)]
    if conflicting and policy == "fail":
        more = f", and {len(conflicting) - 1} more are like this" if len(conflicting) > 1 else ""
        cure = f"remove it, or set corpora.{corpus}.duplicates: keep_first (or drop, for neither)"
        raise UserError(f"{corpus}: {_problem(*conflicting[0], root)}{more}, so one must be wrong; {cure}")
    stays = {"keep_first": 1, "drop": 0, "fail": 0}[policy]
    left_out = {row.key for group, _ in conflicting for row in group.rows[stays:]}
    kept = [row for row in rows if row.key not in left_out]
    if not kept:
        raise UserError(
            f"{corpus}: every recording is a duplicate with another speaker or label, and left out; mend it"
        )
    twins = {row.key: group.rows[0].key for group in groups if not group.conflict for row in group.rows[1:]}
    return [replace(row, twin=twins.get(row.key, row.twin)) for row in kept]


def _problem(group: Duplicates, conflict: tuple[Row, Row, str], root: Path) -> str:
    one, other, difference = conflict
    same = "holds the same samples as" if group.exact else "is the same recording as"
    return f"{root / other.wav} {same} {root / one.wav}, under {difference}"


def report(groups: Sequence[Duplicates], rows: Sequence[Row]) -> dict[str, Any]:
    """How many groups there are, who is in each, and which of their rows are not among those that stay."""
    kept = {row.key for row in rows}
    return {
        "exact": sum(group.exact for group in groups),
        "near": sum(not group.exact for group in groups),
        "left_out": [row.key for group in groups for row in group.rows if row.key not in kept],
        "groups": [
            {
                "match": "exact" if group.exact else "near",
                "keys": [row.key for row in group.rows],
                "speakers": [row.speaker for row in group.rows],
                "emotions": [row.emotion for row in group.rows],
            }
            for group in groups
        ],
    }


def summary(groups: Sequence[Duplicates]) -> str:
    """How many recordings have the content of another, as `4 recordings in 2 groups (1 exact, 1 near)`; "" for none."""
    if not groups:
        return ""
    exact, count = sum(group.exact for group in groups), sum(len(group.rows) for group in groups)
    return f"{count} recordings in {counted(len(groups), 'group')} ({exact} exact, {len(groups) - exact} near)"
