"""The audit of folds as plain text, and as the rows of a CSV."""

from collections.abc import Iterator, Sequence

from pipeline.evaluation.audit import WHAT, PartAudit, total

COLUMNS = ("folds", "fold", "part", "what", "name")
"""of the CSV of all that is shared"""

SHOWN = 5
"""names in a line, at most"""


def audit_lines(parts: Sequence[PartAudit]) -> Iterator[str]:
    """A line for each part, one for all tests together, and the names of what is shared."""
    whole = total(parts)
    titles = ["fold", "part", "training", "recordings", *(f"{what} shared" for what in WHAT)]
    rows = [titles, *(_cells(part) for part in parts), _cells(whole)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield from _names(parts)
    if unknown := whole.overlaps["speakers"].unknown:
        yield f"unknown: who speaks in {unknown} recordings of a fold; --manifest may say"


def shared_rows(source: str, parts: Sequence[PartAudit]) -> Iterator[list[str]]:
    """Everything that is shared, as rows of `COLUMNS`."""
    for part in parts:
        for what in WHAT:
            yield from ([source, part.fold, part.part, what, name] for name in sorted(part.overlaps[what].shared))


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _cells(part: PartAudit) -> list[str]:
    trained = "" if part.fold == "all" else str(part.trained)
    return [part.fold, part.part, trained, str(part.recordings), *(str(part.overlaps[what]) for what in WHAT)]


def _names(parts: Sequence[PartAudit]) -> Iterator[str]:
    for what in WHAT[:2]:
        if names := sorted(frozenset[str]().union(*(part.overlaps[what].shared for part in parts))):
            yield f"{what} shared: {some(names)}"
