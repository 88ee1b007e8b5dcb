"""The headline of each corpus and class set: which experiment is best, how sure that is, and what chance is."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report.page.scored import Scored, by_group
from pipeline.report.page.tables import Row

LEVEL = 0.05
"""p below which two systems are said to differ"""


@dataclass(frozen=True)
class Headline:
    """What a visitor must know of the scores that can be compared.

    Attributes:
        group: corpus and class set.
        best: the highest UA of those that estimate new speakers; of all, where none does.
        rivals: how many others it was chosen among.
        verdict: how its interval lies to chance.
        next_best: how it compares with the next; "" where there is none.
        above: scores that are higher, and cannot be compared.
    """

    group: str
    best: Scored
    rivals: int
    verdict: str
    next_best: str
    above: Sequence[Scored]


def headlines(found: Sequence[Scored], comparisons: Sequence[Row]) -> list[Headline]:
    """One for each group, in the order of groups."""
    return [_headline(group, members, comparisons) for group, members in by_group(found).items()]


def _headline(group: str, members: Sequence[Scored], comparisons: Sequence[Row]) -> Headline:
    comparable = [one for one in members if one.is_comparable] or [*members]
    best, *others = sorted(comparable, key=lambda one: -one.ua)  # of equals, the first of params.yaml
    above = [one for one in members if one not in comparable and one.ua > best.ua]
    beside = _beside(best, others[0], comparisons) if others else ""
    return Headline(group, best, len(others), _verdict(best), beside, above)


def _verdict(best: Scored) -> str:
    if best.low > best.chance:
        return "the whole interval lies above chance"
    return "the interval reaches down to chance, so this does not show that anything was learned"


def _beside(best: Scored, other: Scored, comparisons: Sequence[Row]) -> str:
    """How far the next is behind, and whether the two are told apart."""
    ahead = f"Next is {other.name} with {other.ua:.1f} %, {best.ua - other.ua:.1f} points below"
    row = next((row for row in comparisons if {row["first"], row["second"]} == {best.name, other.name}), None)
    p, test = (None, "") if row is None else _test(row)
    if row is None or p is None:
        return f"{ahead}; the two were not tested on the same utterances."
    shown = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return f"{ahead}{_interval(row, best.name)}: the two are {'' if p < LEVEL else 'not '}told apart ({test}, {shown})."


def _interval(row: Row, best: str) -> str:
    """Where the difference lies, for who asks of the best; "" where the table does not say."""
    low, high = row.get("low"), row.get("high")
    if low is None or high is None:
        return ""
    low, high = (low, high) if row["first"] == best else (-high, -low)
    return f" (interval {100 * low:.1f} to {100 * high:.1f})"


def _test(row: Row) -> tuple[float | None, str]:
    """The p of a comparison that counts speakers, where there is one; else McNemar's, which counts utterances."""
    if row.get("p_holm") is not None:
        return row["p_holm"], "paired bootstrap over speakers, Holm's correction"
    return row["p_mcnemar"], "McNemar's exact test, which takes utterances as independent"
