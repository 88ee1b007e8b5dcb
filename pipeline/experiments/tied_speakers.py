"""Speakers who have a recording in common, as two corpora that share some: they are on one side of every split."""

from collections.abc import Sequence

from pipeline.experiments.labelled import Labelled


def tied_speakers(rows: Sequence[Labelled]) -> list[list[str]]:
    """The speakers, sorted, and those together who have a recording in common: nearly always each alone."""
    together = {row.speaker: {row.speaker} for row in rows}
    first: dict[str, str] = {}
    for row in rows:
        own, other = together[row.speaker], together[first.setdefault(row.content, row.speaker)]
        if own is not other:
            own |= other
            together |= dict.fromkeys(other, own)
    return sorted([*group] for group in {tuple(sorted(group)) for group in together.values()})


def tied_names(rows: Sequence[Labelled]) -> list[str]:
    """The speaker of each row; of those who have a recording in common, the first by name."""
    leaders = {speaker: group[0] for group in tied_speakers(rows) for speaker in group}
    return [leaders[row.speaker] for row in rows]
