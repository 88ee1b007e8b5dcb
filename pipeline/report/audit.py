"""The audit of folds as plain text, and as the rows of a CSV."""

from collections.abc import Iterator, Sequence

from pipeline.evaluation.audit import WHAT, Audit, PartAudit, total

COLUMNS = ("folds", "fold", "part", "what", "name")
"""of the CSV of all that is shared"""

FAULTS = {
    "repeated": "listed more than once in a part",
    "tested again": "tested in several folds",
}
"""faults of a list -> how they are said"""

SHOWN = 5
"""names in a line, at most"""


def audit_lines(found: Audit) -> Iterator[str]:
    """A line for each part, one for all tests together, the names of what is shared, and the list's own faults."""
    parts, whole = found.parts, total(found.parts)
    titles = ["fold", "part", "training", "recordings", *(f"{what} shared" for what in WHAT)]
    rows = [titles, *(_cells(part) for part in parts), _cells(whole)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield from _names(parts)
    yield from _faults(found)
    if unknown := whole.overlaps["speakers"].unknown:
        yield f"unknown: who speaks in {unknown} recordings of a fold; --manifest may say"


def shared_rows(source: str, found: Audit) -> Iterator[list[str]]:
    """Everything that is shared, and the list's own faults, as rows of `COLUMNS`."""
    for part in found.parts:
        for what in WHAT:
            yield from ([source, part.fold, part.part, what, name] for name in sorted(part.overlaps[what].shared))
    yield from ([source, fault.fold, fault.part, fault.what, fault.name] for fault in found.faults)


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


def _faults(found: Audit) -> Iterator[str]:
    for what, title in FAULTS.items():
        if names := sorted({fault.name for fault in found.faults if fault.what == what}):
            yield f"{title}: {len(names)} recording{'' if len(names) == 1 else 's'}, {some(names)}"
