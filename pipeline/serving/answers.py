"""What models say of recordings, as tables for programs and people: CSV, JSON, JSON lines, text, Praat's TextGrid."""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import printable
from pipeline.experiments.predictions import csv_text, plain_cell


class Told(Protocol):
    """What all answers have, whatever is said of a recording or of a window of it."""

    @property
    def key(self) -> str:
        """The recording's."""

    @property
    def span(self) -> tuple[float, float] | None:
        """Where the window begins and ends (s); None for the whole recording."""

    @property
    def voiced(self) -> float | None:
        """Share of the window that has voice; None where that is not told."""


A = TypeVar("A", bound=Told)


class Task(ABC, Generic[A]):
    """What models are asked for: how their numbers become answers, and how those are told.

    Attributes:
        what: the name of `names`, as JSON has it.
        names: of what there is a number of, in the order of a model's.
        columns: of tables for programs, after those of the recording and its window.
        titles: the same of tables for people.
        at_left: titles whose cells are text.
    """

    what: str
    names: Sequence[str]
    columns: Sequence[str]
    titles: Sequence[str]
    at_left: Sequence[str] = ()

    @abstractmethod
    def answer(
        self,
        key: str,
        numbers: NDArray[np.float64],
        span: tuple[float, float] | None = None,
        voiced: float | None = None,
    ) -> A:
        """What is said of a recording or a window, of a model's numbers (names,); NaN where nobody speaks."""

    @abstractmethod
    def numbers(self, answer: A) -> NDArray[np.float64]:
        """Those that an answer is of, (names,)."""

    @abstractmethod
    def cells(self, answer: A) -> Sequence[str]:
        """One for each of `columns`."""

    @abstractmethod
    def shown(self, answer: A) -> Sequence[str]:
        """One for each of `titles`."""

    @abstractmethod
    def mapping(self, answer: A) -> dict[str, Any]:
        """What JSON says of it."""

    @abstractmethod
    def tiers(self, answers: Sequence[A]) -> dict[str, list[str]]:
        """Name of a TextGrid's tier -> the label of each answer."""

    @abstractmethod
    def are_numbers(self, rows: NDArray[np.float64]) -> bool:
        """Whether a model could have given all of these (N, names)."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What is said of a recording, or of a window of it.

    Attributes:
        key: the recording's.
        emotion: the likeliest, or "" where none is likely enough or nobody speaks.
        probabilities: of all classes, (classes,); NaN where nobody speaks.
        span: where the window begins and ends (s); None for the whole recording.
        voiced: share of the window that has voice; None where that is not told.
    """

    key: str
    emotion: str
    probabilities: NDArray[np.float64]
    span: tuple[float, float] | None = None
    voiced: float | None = None

    @property
    def is_silent(self) -> bool:
        """Whether nobody speaks, so that nothing was computed."""
        return bool(np.isnan(self.probabilities).any())

    @property
    def entropy(self) -> float:
        """-sum p log2 p (bits): 0 where one class is certain, log2 of their number where all are as likely."""
        return max(0.0, -sum(p * math.log2(p) for p in self.probabilities.tolist() if p > 0))


def emotion_of(probabilities: NDArray[np.float64], classes: Sequence[str], least: float) -> str:
    """The likeliest class, or "" where its probability is below `least`."""
    best = int(probabilities.argmax())
    return classes[best] if probabilities[best] >= least else ""


def text_of(answers: Sequence[A], task: Task[A], form: str) -> str:
    """All answers in a format, with a line break at the end.

    Args:
        answers: of one model; all with spans, or none.
        task: what the model was asked for.
        form: `csv`, `table` (for people), `json` or `jsonl`.
    """
    return WRITERS[form](answers, task)


def _csv(answers: Sequence[A], task: Task[A]) -> str:
    rows = [
        [
            plain_cell(answer.key),
            *(f"{second:.12g}" for second in answer.span or ()),  # of an hour, to the sample
            *([] if answer.voiced is None else [f"{answer.voiced:.6g}"]),
            *task.cells(answer),
        ]
        for answer in answers
    ]
    return csv_text(["key", *_window_columns(answers), *task.columns], rows)


def _window_columns(answers: Sequence[A]) -> list[str]:
    """What columns tell of windows; none where whole recordings were asked about."""
    if not answers or answers[0].span is None:
        return []
    return ["start", "end"] if answers[0].voiced is None else ["start", "end", "voiced"]


def _decimals(answers: Sequence[Told]) -> int:
    """The fewest decimals of seconds, two at least, by which no two windows of a recording begin alike.

    The last window ends with the recording, and may begin some samples after the one before.
    """
    starts = [(answer.key, answer.span[0]) for answer in answers if answer.span is not None]
    apart = (n for n in range(2, 6) if len({(key, f"{start:.{n}f}") for key, start in starts}) == len({*starts}))
    return next(apart, 6)


def _table(answers: Sequence[A], task: Task[A]) -> str:
    """Columns of equal width."""
    decimals = _decimals(answers)
    rows = [
        [
            printable(answer.key),
            *(f"{second:.{decimals}f}" for second in answer.span or ()),
            *([] if answer.voiced is None else [f"{answer.voiced:.0%}"]),
            *task.shown(answer),
        ]
        for answer in answers
    ]
    lines = [["key", *_window_columns(answers), *task.titles], *rows]
    columns = list(zip(*lines, strict=True))
    left = {"key", *task.at_left}
    widths = [(column[0] in left, max(map(len, column))) for column in columns]
    return "".join("  ".join(map(_padded, line, widths)).rstrip() + "\n" for line in lines)


def _padded(cell: str, width: tuple[bool, int]) -> str:
    """A cell in a column that is so many characters wide, at its left where that is true."""
    at_left, characters = width
    return cell.ljust(characters) if at_left else cell.rjust(characters)


def _mapping(answer: A, task: Task[A]) -> dict[str, Any]:
    span = {} if answer.span is None else {"start": answer.span[0], "end": answer.span[1]}
    voiced = {} if answer.voiced is None else {"voiced": float(f"{answer.voiced:.6g}")}
    return {"key": answer.key, **span, **voiced, **task.mapping(answer)}


def _json(answers: Sequence[A], task: Task[A]) -> str:
    known = {task.what: list(task.names), "answers": [_mapping(answer, task) for answer in answers]}
    return json.dumps(known, indent=2, ensure_ascii=False) + "\n"


def _json_lines(answers: Sequence[A], task: Task[A]) -> str:
    return "".join(json_line(answer, task) for answer in answers)


def json_line(answer: A, task: Task[A]) -> str:
    """One answer as a line of JSON."""
    return json.dumps(_mapping(answer, task), ensure_ascii=False) + "\n"


WRITERS: Mapping[str, Callable[[Sequence[Any], Task[Any]], str]] = {
    "csv": _csv,
    "table": _table,
    "json": _json,
    "jsonl": _json_lines,
}


def text_grid(answers: Sequence[A], task: Task[A], seconds: float) -> str:
    """The answers about one recording as Praat's TextGrid, with the tiers of the task.

    Intervals of a tier cannot overlap, as windows can: each ends half-way between the middle of its window and that of
    the next. What lies between windows that do not touch is an interval without a label.

    Args:
        answers: in order.
        task: what was asked for.
        seconds: length of the recording.
    """
    spans = [answer.span or (0.0, seconds) for answer in answers]
    tiers = task.tiers(answers)
    head = [
        'File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {seconds:.6f}",
        "tiers? <exists>", f"size = {len(tiers)}", "item []:",
    ]  # fmt: skip
    shown = [_tier(i, name, _intervals(tiers[name], spans, seconds)) for i, name in enumerate(tiers, 1)]
    lines = [*head, *chain.from_iterable(shown)]
    return "\n".join(lines) + "\n"


Interval = tuple[float, float, str]
"""start and end (s), and label"""


def _intervals(labels: Sequence[str], spans: Sequence[tuple[float, float]], seconds: float) -> list[Interval]:
    """Those that touch and cover a recording, as `text_grid` says."""
    intervals: list[Interval] = []
    start = 0.0
    for label, one, other in zip(labels, spans, spans[1:], strict=False):
        is_gap = one[1] < other[0]
        end = one[1] if is_gap else (sum(one) + sum(other)) / 4
        intervals.append((start, end, label))
        if is_gap:
            intervals.append((end, other[0], ""))
        start = intervals[-1][1]
    return [*intervals, (start, seconds, labels[-1])]


def _tier(number: int, name: str, intervals: Sequence[Interval]) -> list[str]:
    lines = [
        f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"', "        xmin = 0",
        f"        xmax = {intervals[-1][1]:.6f}", f"        intervals: size = {len(intervals)}",
    ]  # fmt: skip
    for i, (start, end, label) in enumerate(intervals, 1):
        lines += [
            f"        intervals [{i}]:",
            f"            xmin = {start:.6f}",
            f"            xmax = {end:.6f}",
            f'            text = "{label}"',
        ]
    return lines
