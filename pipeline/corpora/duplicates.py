"""Recordings that a corpus holds more than once, by what they sound like and not by their names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.audio.bad_recordings import SHOWN
from pipeline.audio.fingerprint import Fingerprint
from pipeline.audio.fingerprint_index import near_pairs
from pipeline.corpora.base import DuplicatesPolicy
from pipeline.corpora.listing import Listing
from pipeline.corpora.manifest import Row
from pipeline.errors import UserError
from pipeline.storage.source import counted

Conflict = tuple[Row, Row, str]
"""two rows of one recording that cannot both be right, and what differs"""


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
    def conflict(self) -> Conflict | None:
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


def find_in(listed: Listing) -> list[Duplicates]:
    """The groups that a corpus's rows are in, by key: with the recordings whose label is not to be kept."""
    rows = sorted([*listed.rows, *listed.others], key=lambda row: row.key)
    kept = {row.key for row in listed.rows}
    groups = find(rows, [listed.examinations[row.key].fingerprint for row in rows])
    return [group for group in groups if any(row.key in kept for row in group.rows)]


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
        raise UserError(f"{corpus}: " + "\n".join(_problems(conflicting, corpus, root)))
    stays = {"keep_first": 1, "drop": 0, "fail": 0}[policy]
    left_out = {row.key for group, _ in conflicting for row in group.rows[stays:]}
    kept = [row for row in rows if row.key not in left_out]
    if not kept:
        raise UserError(
            f"{corpus}: every recording is a duplicate with another speaker or label, and left out; mend it"
        )
    twins = {row.key: group.rows[0].key for group in groups if not group.conflict for row in group.rows[1:]}
    return [replace(row, twin=twins[row.key]) if row.key in twins else row for row in kept]


def _problems(conflicting: Sequence[tuple[Duplicates, Conflict]], corpus: str, root: Path) -> list[str]:
    """A line of each group, of the first `SHOWN` at most; the last says what to do."""
    problems = [(_problem(group, conflict, root), _besides(group)) for group, conflict in conflicting]
    cure = f"set corpora.{corpus}.duplicates: keep_first (or drop, for {{}})"
    if len(problems) == 1:
        problem, besides = problems[0]
        return [f"{problem}, so one must be wrong{besides}; remove it, or {cure.format('neither')}"]
    more = f", of which {SHOWN} are named above" if len(problems) > SHOWN else ""
    what = f"{len(problems)} recordings are under several speakers or labels{more}, so some must be wrong"
    lines = [problem + besides for problem, besides in problems[:SHOWN]]
    return [*lines, f"{what}; remove those, or {cure.format('none')}"]


def _problem(group: Duplicates, conflict: Conflict, root: Path) -> str:
    """What is wrong with a group: its first two rows that cannot both be right."""
    one, other, difference = conflict
    same = "holds the same samples as" if group.exact else "is the same recording as"
    return f"{root / other.name} {same} {root / one.name}, under {difference}"


def _besides(group: Duplicates) -> str:
    return f" ({len(group.rows)} files are this recording)" if len(group.rows) > 2 else ""


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
