"""A comparison as a table for readers: columns with titles, cells in percent, and numbered notes."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import printable
from pipeline.report.comparison.candidate import MEASURES, Candidate
from pipeline.report.comparison.changes import Change, shown
from pipeline.report.comparison.choice import Reference
from pipeline.report.comparison.comparison import Compared, Difference
from pipeline.report.summary import published_text

REFERENCE = "(reference)"
"""in place of a difference, of what the others are compared with"""
SAME = "same predictions"
"""in place of a difference that need not be tested"""

NAMES = ("experiment", "revision", "published")
"""columns whose cells may be shortened"""


@dataclass(frozen=True)
class Table:
    """What is shown.

    Attributes:
        scores: title -> cells, of the columns that say what a row is and its scores.
        differences: title -> cells, of the columns of differences; empty where nothing is compared.
        notes: numbered from 1; the last column of scores has the numbers.
        changes: what was changed between which revisions -> a line for each param.
        heading: what the figures are.
        against: what the differences are to; "" where nothing is compared.
    """

    scores: dict[str, list[str]]
    differences: dict[str, list[str]]
    notes: list[str]
    changes: dict[str, list[str]]
    heading: str
    against: str


def table(rows: Sequence[Compared], chosen: Reference) -> Table:
    """The table of rows; columns in which nothing stands are left out."""
    notes = list(dict.fromkeys(note for row in rows for note in row.notes))
    levels = {row.candidate.scoring.confidence for row in rows}
    title = f" [{levels.pop():.0%}]" if len(levels) == 1 else " [interval]"
    columns = {
        "experiment": [row.candidate.name for row in rows],
        "revision": _revisions(rows),
        "tests": [_count(row.candidate.utterances) for row in rows],
        **{f"{_named(measure)}{title}": [_score(row.candidate, measure) for row in rows] for measure in MEASURES},
        "published": [published_text(row.candidate.published) for row in rows],
        "notes": [" ".join(f"[{notes.index(note) + 1}]" for note in dict.fromkeys(row.notes)) for row in rows],
    }
    return Table(
        _used(columns),
        _used(_differences(rows, title)) if chosen else {},
        [printable(note) for note in notes],
        {f"{row.candidate.name}, {_between(row)}": [*map(changed, row.changes)] for row in rows if row.changes},
        "Percent, pooled over all test folds; intervals: Student's t of a bootstrap over speakers.",
        printable(str(chosen)),
    )


def _used(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    return {title: [printable(cell) for cell in cells] for title, cells in columns.items() if any(cells)}


def _revisions(rows: Sequence[Compared]) -> list[str]:
    """The names of revisions, where not all are the working folder."""
    there = any(row.candidate.revision.commit for row in rows)
    return [row.candidate.revision.name if there else "" for row in rows]


def _named(measure: str) -> str:
    return measure.replace("_", "-")


def _count(value: int | None) -> str:
    return "" if value is None else str(value)


def _score(one: Candidate, measure: str) -> str:
    score, interval = one.score(measure), one.interval(measure)
    if score is None:
        return "-"
    return f"{100 * score:.1f}" + (f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else "")


def _differences(rows: Sequence[Compared], title: str) -> dict[str, list[str]]:
    tests = [row.difference or Difference(0.0) for row in rows]
    return {
        f"UA difference{title}": [_difference(row, rows) for row in rows],
        "p": [_p(test.p) for test in tests],
        "p Holm": [_p(test.p_holm) for test in tests],
        "p McNemar": [_p(test.p_mcnemar) for test in tests],
    }


def _difference(row: Compared, rows: Sequence[Compared]) -> str:
    difference = row.difference
    if difference is None:
        return REFERENCE if any(other.reference is row.candidate for other in rows) else "-"
    if difference.same:
        return SAME
    ends = difference.interval
    interval = f" [{100 * ends[0]:+.1f}, {100 * ends[1]:+.1f}]" if ends else ""
    return f"{100 * difference.value:+.1f}{interval}"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _between(row: Compared) -> str:
    before = row.reference.revision.name if row.reference else ""
    return f"{before} -> {row.candidate.revision.name}"


def changed(change: Change) -> str:
    """A changed param and its values, as `experiments.pooled_en.params.c: 0.01 -> 0.1`."""
    return printable(f"{change.key}: {shown(change.before)} -> {shown(change.after)}")
