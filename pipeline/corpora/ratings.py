"""What raters say of a recording beside one emotion: numbers on dimensions, and how many chose which emotion.

A table has them in columns of their names: `valence`, `arousal`, `dominance` and others that the corpus names, on
whatever scale; and `votes_angry`, `votes_happy`, ..., as counts or as shares.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pipeline.corpora.emotions import canonical
from pipeline.errors import nearest

DIMENSIONS = ("valence", "arousal", "dominance")
"""of Russell and Mehrabian (1977, "Evidence for a three-factor theory of emotions"), as most corpora have them"""

VOTES = "votes_"
"""how the column of an emotion's votes begins"""

TIED = "other"
"""the label of a recording whose raters chose two emotions equally often, as IEMOCAP's turns without agreement have"""

NAME = re.compile(r"[a-z][a-z0-9_]*")
"""of a dimension: it becomes a column of tables"""


def name_problem(name: str, taken: Sequence[str]) -> str | None:
    """Why a name could not be that of a dimension; None when it could.

    Args:
        name: as params.yaml has it.
        taken: names of columns that have a meaning of their own.
    """
    if not NAME.fullmatch(name):
        return f"{name!r} may hold only small letters, digits and '_', and begins with a letter"
    if name in taken or name.startswith(VOTES):
        return f"{name!r} is a column with a meaning of its own; give the dimension another name"
    return None


def label(raw_emotion: str, votes: Mapping[str, float], dimensions: Mapping[str, float], table: dict[str, str]) -> str:
    """The canonical label of a recording: its emotion's, else what most raters chose; "" of one with numbers alone.

    Args:
        raw_emotion: emotion code, as the corpus has it; "" for none.
        votes: canonical label -> share.
        dimensions: name -> number.
        table: emotion code -> canonical label, before the common spellings.

    Raises:
        ValueError: the code is unknown.
    """
    if raw_emotion or not (votes or dimensions):
        return canonical(raw_emotion, table)
    return majority(votes) if votes else ""


def majority(votes: Mapping[str, float]) -> str:
    """The label that has most votes; `other` where several have."""
    most = max(votes.values())
    first, *others = [name for name, share in votes.items() if math.isclose(share, most)]
    return TIED if others else first


@dataclass(frozen=True)
class RatingColumns:
    """The columns of a table that hold ratings.

    Attributes:
        dimensions: those that hold numbers, in small letters.
        emotions: emotion code -> canonical label, before the common spellings.
    """

    dimensions: Sequence[str] = DIMENSIONS
    emotions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, own: Sequence[str], emotions: Mapping[str, str]) -> Self:
        """Those of a corpus with dimensions of its own; headers are in small letters, and so are the codes here."""
        return cls((*DIMENSIONS, *own), {code.lower(): name for code, name in emotions.items()})

    def __contains__(self, column: str) -> bool:
        return column in self.dimensions or column.startswith(VOTES)

    def column_problem(self, column: str) -> str | None:
        """What is wrong with the name of a column of votes; None where nothing is, or it is no such column."""
        if not column.startswith(VOTES):
            return None
        try:
            self._emotion(column)
        except ValueError as error:
            return f"column {column!r}: {error}; map it in the corpus's `emotions`"
        return None

    def rated(self, row: Mapping[str, str]) -> bool:
        """Whether a row has anything in one of these columns."""
        return any(value for column, value in row.items() if column in self)

    def problems(self, row: Mapping[str, str]) -> Iterator[str]:
        """What is wrong with a row's ratings."""
        wrong = [problem for column in row if column in self and (problem := _number_problem(column, row[column]))]
        yield from wrong
        cells = [value for column, value in row.items() if column.startswith(VOTES) and value]
        if cells and not wrong and not any(map(float, cells)):
            yield "its votes are all 0; count those of one emotion at least, or leave them empty"

    def dimensions_of(self, row: Mapping[str, str]) -> dict[str, float]:
        """Name -> number of a row without `problems`; of empty cells nothing."""
        return {name: float(row[name]) for name in self.dimensions if row.get(name)}

    def votes_of(self, row: Mapping[str, str]) -> dict[str, float]:
        """Canonical label -> share of a row's votes, which sum to 1; of a row without votes nothing."""
        counts: dict[str, float] = {}
        for column, value in row.items():
            if column.startswith(VOTES) and value:
                emotion = self._emotion(column)
                counts[emotion] = counts.get(emotion, 0.0) + float(value)
        total = math.fsum(counts.values())
        return {emotion: count / total for emotion, count in counts.items() if count}

    def _emotion(self, column: str) -> str:
        return canonical(column.removeprefix(VOTES), dict(self.emotions))


def number_columns(rows: Sequence[Mapping[str, Any]], wanted: Mapping[str, str]) -> dict[str, str]:
    """Those of the wanted columns in which there is a number; others, as a `valence` of high and low, hold text.

    Args:
        rows: column -> value, of a table of others.
        wanted: dimension -> its column.
    """
    return {name: column for name, column in wanted.items() if any(_is_number(row.get(column)) for row in rows)}


def _is_number(cell: Any) -> bool:
    try:
        return math.isfinite(float(cell))
    except (OverflowError, TypeError, ValueError):
        return False


def _number_problem(column: str, cell: str) -> str | None:
    if not cell:
        return None
    try:
        number = float(cell)
    except ValueError:
        meant = (
            f"; write {cell.replace(',', '.')}" if re.fullmatch(r"[+-]?\d+,\d+", cell) else "; leave it empty for none"
        )
        return f"its {column} is {cell[:30]!r}, which is no number{meant}"
    if not math.isfinite(number):
        return f"its {column} is {cell!r}; leave it empty where it is not known"
    if column.startswith(VOTES) and number < 0:
        return f"its {column} is {cell}, and votes are not below 0"
    return None


def target_problem(target: str, known: Sequence[str], corpus: str) -> str | None:
    """Why an experiment cannot have a target on a corpus; None where it can.

    Args:
        target: name of a dimension.
        known: the corpus's dimensions.
        corpus: its name.
    """
    if target in known:
        return None
    there = ", ".join(known) or "none; a table of the folder reader may have them"
    return f"{target!r} is no dimension of corpus {corpus}{nearest(target, known)}; known: {there}"
