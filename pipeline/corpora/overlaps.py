"""Segments of one file that overlap: partly one recording, so that they belong to one side of every split."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.corpora.manifest import Row
from pipeline.corpora.recording_names import same_recordings

SHARED = 0.001
"""seconds that two segments may share, as a border that both round"""

Stretch = tuple[str, int]
"""digest of a file, and the number of a part of it that overlapping rows cover"""


def stretches(rows: Sequence[Row]) -> dict[str, Stretch]:
    """Key -> what is the same for rows whose parts of one file overlap, or lead to one another by others that do.

    Files with the same bytes are one; rows without a digest have no stretch.
    """
    files: dict[str, list[Row]] = {}
    for row in rows:
        if row.sha256:
            files.setdefault(row.sha256, []).append(row)
    return {key: (file, number) for file, own in files.items() for key, number in _numbered(own).items()}


def _numbered(rows: Sequence[Row]) -> dict[str, int]:
    """Key -> the number of its stretch, of rows of one file."""
    numbers: dict[str, int] = {}
    number, reached = 0, 0.0
    for row in sorted(rows, key=lambda row: (row.start or 0.0, row.key)):
        begin = row.start or 0.0
        number += begin >= reached - SHARED and bool(numbers)
        numbers[row.key] = number
        reached = max(reached, begin + row.length)
    return numbers


def tied(rows: Sequence[Row]) -> list[Row]:
    """The rows of a corpus; one that overlaps others is said to be the twin of the first of them."""
    if all(row.start is None and row.end is None for row in rows):
        return [*rows]
    parts = stretches(rows)
    names = [[row.content] if row.twin == row.key else [row.content, parts[row.key]] for row in rows]
    firsts = same_recordings(names)
    return [
        row if first == number else replace(row, twin=rows[first].content)
        for number, (row, first) in enumerate(zip(rows, firsts, strict=True))
    ]
