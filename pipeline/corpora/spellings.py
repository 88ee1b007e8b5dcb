"""Speakers who are one person written in several ways, and would be several people to every split."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

Spelling = tuple[str, str]
"""a speaker as written, and where that is: a line of a table, or a file"""


def spellings(speakers: Iterable[Spelling]) -> list[list[Spelling]]:
    """Each speaker who is written in several ways, as 1, 01, 1.0 and 1,0: the ways, and where each first stands."""
    first: dict[str, str] = {}
    for speaker, where in speakers:
        first.setdefault(speaker, where)
    ways_of: dict[str, dict[str, str]] = defaultdict(dict)
    for speaker, where in first.items():
        if speaker:
            ways_of[_plain(speaker)][speaker] = where
    return [[*ways.items()] for ways in ways_of.values() if len(ways) > 1]


def complaint(ways: Iterable[Spelling]) -> str:
    """What is wrong with a speaker written in these ways, and what to do."""
    named = [f"{speaker!r} ({where})" for speaker, where in ways]
    return f"speakers {', '.join(named[:-1])} and {named[-1]} are one, or look it; write one person one way"


def _plain(speaker: str) -> str:
    """A speaker without what people and spreadsheets write differently: case, width, spaces, zeros before, decimals."""
    text = " ".join(unicodedata.normalize("NFKC", speaker).casefold().split())
    return re.sub(r"(?<![\d.])0+(?=\d)", "", re.sub(r"(?<=\d)[.,]0*$", "", text))
