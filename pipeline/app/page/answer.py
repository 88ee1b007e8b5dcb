"""An analysis as the page shows it: numbers as words, lengths and texts."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from pipeline.app.analysis import Analysis, Branch, as_json
from pipeline.app.page.words import certainty, doubt, listed, listens, minded, percent, weighed
from pipeline.serving.loaded import Segment

LETTER = 3.6
"""width of a letter, and some of the room around a name: of a bar 340 px wide (%)"""


@dataclass(frozen=True)
class Bar:
    """A class: its share (%), that in words, and whether it is the likeliest."""

    name: str
    width: float
    text: str
    first: bool


@dataclass(frozen=True)
class Span:
    """A stretch of time in which one emotion is the likeliest: where it is, in words and in parts of the whole (%)."""

    name: str
    time: str
    start: float
    width: float

    @property
    def fits(self) -> bool:
        """Whether its name can be read in it where the whole is as narrow as on a phone; else the text has it."""
        return self.width >= LETTER * len(self.name)


@dataclass(frozen=True)
class Course:
    """A class over time, as the points of an SVG polygon in a box of 100 by 100."""

    name: str
    points: str


@dataclass(frozen=True)
class Moment:
    """A window as a row of a table."""

    time: str
    name: str
    texts: Sequence[str]


@dataclass(frozen=True)
class Part:
    """A branch of a fusion: its bars, what it listens to, and how it was weighed, in words."""

    branch: Branch
    bars: Sequence[Bar]
    listens: str
    weighed: str


class Answer:
    """What a model says of a recording.

    Attributes:
        analysis: all of it.
    """

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis

    @property
    def name(self) -> str:
        """The model's."""
        return self.analysis.name

    @property
    def share(self) -> str:
        """How likely the likeliest emotion is."""
        return percent(float(self.analysis.probabilities.max()))

    @property
    def certainty(self) -> str:
        """How sure the model is, in a sentence."""
        return certainty(self.analysis.probabilities, self.analysis.classes, self.analysis.entropy)

    @property
    def doubt(self) -> str:
        """Its entropy, in a sentence."""
        return doubt(self.analysis.entropy, len(self.analysis.classes))

    @property
    def bars(self) -> list[Bar]:
        """All classes, in their order, so that two models' stand beside each other."""
        return _bars(self.analysis.classes, self.analysis.probabilities.tolist())

    @property
    def parts(self) -> list[Part]:
        """The branches of a fusion."""
        return [
            Part(
                branch,
                _bars(self.analysis.classes, branch.probabilities.tolist()),
                self._listens(branch),
                weighed(branch),
            )
            for branch in self.analysis.branches
        ]

    def _listens(self, branch: Branch) -> str:
        """What a branch that is an experiment hears; a fusion hears what its own branches do."""
        trained = self.analysis.card.experiments.get(branch.name)
        return listens(recipe.extractor for recipe in trained.features.values()) if trained else ""

    @property
    def minded(self) -> str:
        """What weakens its scores, shortly; "" for nothing."""
        return minded(self.analysis.card.marks.values())

    @property
    def heard_by(self) -> str:
        """What the branches hear, and what the whole makes of it, in a sentence."""
        branches = [f"{part.branch.name} hears {part.branch.emotion}" for part in self.parts]
        return f"{listed(branches)}; together they are taken for {self.analysis.emotion}."

    @property
    def spans(self) -> list[Span]:
        """Stretches of time, one after another, from the beginning to the end."""
        edges = _edges(self.analysis.segments, self.analysis.seconds)
        spans = zip(pairwise(edges), self.analysis.segments, strict=True)
        merged = [(name, [edge for edge, _ in same]) for name, same in groupby(spans, lambda pair: _name(pair[1]))]
        return [_span(name, same[0][0], same[-1][1], self.analysis.seconds) for name, same in merged]

    @property
    def courses(self) -> list[Course]:
        """Each class over time."""
        edges = _edges(self.analysis.segments, self.analysis.seconds)
        rows = [np.nan_to_num(segment.probabilities).tolist() for segment in self.analysis.segments]
        scale = 100 / self.analysis.seconds
        return [
            Course(name, _steps([edge * scale for edge in edges], [100 * row[i] for row in rows]))
            for i, name in enumerate(self.analysis.classes)
        ]

    @property
    def moments(self) -> list[Moment]:
        """Each window, as it was heard."""
        return [
            Moment(f"{one.start:.1f} to {one.end:.1f} s", _name(one), _percents(one)) for one in self.analysis.segments
        ]

    @property
    def told(self) -> str:
        """The stretches of time in a sentence."""
        return ", ".join(f"{span.time} {span.name}" for span in self.spans)

    @property
    def download(self) -> str:
        """The answer of the API as a `data:` address."""
        text = json.dumps(as_json(self.analysis), indent=2, ensure_ascii=False) + "\n"
        return f"data:application/json;base64,{base64.b64encode(text.encode()).decode('ascii')}"


def _bars(classes: Sequence[str], shares: Sequence[float]) -> list[Bar]:
    first = shares.index(max(shares))
    numbered = enumerate(zip(classes, shares, strict=True))
    return [Bar(name, 100 * share, percent(share), number == first) for number, (name, share) in numbered]


def _name(segment: Segment) -> str:
    return "no voice" if segment.is_silent else segment.emotion


def _percents(segment: Segment) -> list[str]:
    return ["–" if segment.is_silent else percent(share) for share in segment.probabilities.tolist()]


def _edges(segments: Sequence[Segment], seconds: float) -> list[float]:
    """Where the stretch of each window ends (s): half-way between its middle and the next one's."""
    middles = [(segment.start + segment.end) / 2 for segment in segments]
    return [0.0, *((one + other) / 2 for one, other in pairwise(middles)), seconds]


def _span(name: str, start: float, end: float, seconds: float) -> Span:
    return Span(name, f"{start:.1f} to {end:.1f} s", 100 * start / seconds, 100 * (end - start) / seconds)


def _steps(edges: Sequence[float], heights: Sequence[float]) -> str:
    """A stepped area above the lower side of a box of 100 by 100."""
    return " ".join(f"{x:.2f},{100 - y:.2f}" for x, y in _corners(edges, heights))


def _corners(edges: Sequence[float], heights: Sequence[float]) -> Iterator[tuple[float, float]]:
    yield edges[0], 0.0
    for (start, end), height in zip(pairwise(edges), heights, strict=True):
        yield start, height
        yield end, height
    yield edges[-1], 0.0
