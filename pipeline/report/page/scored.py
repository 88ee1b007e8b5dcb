"""What was scored, as the page shows it: scores in percent, intervals, marks, and what can be compared with what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline import paths
from pipeline.config.params import Params
from pipeline.corpora.left_out import bad_audio_count
from pipeline.evaluation.cost import is_fusion
from pipeline.experiments.joint_corpora import corpora_of
from pipeline.experiments.predictions import Predictions
from pipeline.report.marks import NOTES, notes_of, words
from pipeline.report.page.tables import read_json
from pipeline.report.pictures.class_sets import class_set_titles, tested_classes
from pipeline.report.pictures.forest import HOLLOW, SHAPE
from pipeline.storage.qualified import Place, place_of

INCOMPARABLE = ("dependent", "other_folds", "transductive")
"""marks of scores that are no estimate for a new speaker's first recording"""

SHAPES = {"s": "square", "D": "diamond"}
"""matplotlib's names of shapes -> ours"""


class ClassScore(BaseModel):
    """Scores of one emotion, from 0 to 1; None where nothing was taken for it."""

    recall: float | None
    precision: float | None
    F1: float | None
    support: int
    predicted: int


class Figures(BaseModel):
    """Scores of a part, from 0 to 1; there may be others."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    WA: float
    UA: float
    macro_F1: float  # noqa: N815 - as in the file
    weighted_F1: float  # noqa: N815


class Interval(BaseModel):
    """The ends of intervals, from 0 to 1."""

    WA: tuple[float, float]
    UA: tuple[float, float]


class Spread(BaseModel):
    """A score of each split."""

    mean: float
    std: float
    values: list[float]


class OverSplits(BaseModel):
    """The spread over splits."""

    WA: Spread
    UA: Spread


class Validation(BaseModel):
    """Scores of the validation parts."""

    scores: Figures


class Votes(BaseModel):
    """How near probabilities are to the raters' votes (nats)."""

    model_config = ConfigDict(allow_inf_nan=False)

    cross_entropy: float
    KL: float
    utterances: int


class Details(BaseModel):
    """What metrics/details/NAME.json must have; it may have more."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    scores: Figures
    interval: Interval
    utterances: int
    folds: int = Field(ge=1)
    mean_over_folds: Figures
    std_over_folds: Figures | None = None
    over_splits: OverSplits | None = None
    validation: Validation | None = None
    votes: Votes | None = None
    classes: dict[str, ClassScore]
    confusion: list[list[int]]


@dataclass(frozen=True)
class Scored:
    """An experiment or fusion that was scored.

    Attributes:
        name: its name in params.yaml.
        details: its scores, see `evaluation.score`.
        predictions: what was scored.
        marks: what to beware of, keys of `NOTES`.
        group: what it can be compared with, as "ravdess, 8 classes".
        card: the predictions' card, with the published figures and how many recordings were left out.
    """

    name: str
    details: Details
    predictions: Predictions
    marks: Sequence[str]
    group: str
    card: Mapping[str, Any]

    @property
    def corpora(self) -> list[str]:
        """The corpora it was tested on."""
        return corpora_of(self.card)

    def place(self, key: str) -> Place:
        """The corpus of an utterance, and its key there."""
        corpus, *others = self.corpora
        return place_of(key) if others else (corpus, key)

    @property
    def is_fusion(self) -> bool:
        """Whether it fuses others' decisions."""
        return is_fusion(self.card)

    @property
    def ua(self) -> float:
        """UA (%)."""
        return 100 * self.details.scores.UA

    @property
    def low(self) -> float:
        """The lower end of UA's interval (%)."""
        return 100 * self.details.interval.UA[0]

    @property
    def high(self) -> float:
        """The upper end of UA's interval (%)."""
        return 100 * self.details.interval.UA[1]

    @cached_property
    def chance(self) -> float:
        """UA of guessing (%)."""
        return 100 / max(1, len(tested_classes(self.predictions)))

    @cached_property
    def speakers(self) -> int:
        """How many known speakers were tested."""
        return len({self.predictions.speakers[i] for i in self.predictions.where("test")} - {""})

    @property
    def shape(self) -> str:
        """Of its marker: a circle where test speakers are new."""
        return next((SHAPES[SHAPE[mark]] for mark in SHAPE if mark in self.marks), "circle")

    @property
    def is_hollow(self) -> bool:
        """Whether it is no trained model on real speech."""
        return bool(HOLLOW & {*self.marks})

    @property
    def is_comparable(self) -> bool:
        """Whether it is an estimate for a new speaker, of whom there is one recording."""
        return not {*INCOMPARABLE} & {*self.marks}

    @property
    def notes(self) -> list[tuple[str, str]]:
        """A few words and the whole sentence of each mark."""
        return [(words(mark, self.card), NOTES[mark]) for mark in self.marks]


def scored(params: Params) -> list[Scored]:
    """All experiments and fusions that metrics/details/ has, in the order of params.yaml.

    Raises:
        UserError: a file is damaged, or predictions of what was scored are missing.
    """
    names = [name for name in params.scored if paths.details(name).exists()]
    predictions = {name: Predictions.read(paths.predictions(name)) for name in names}
    titles = class_set_titles(predictions)
    synthetic = {name for name, corpus in params.corpora.items() if corpus.reader == "demo"}
    found = []
    for name, one in predictions.items():
        card = {**one.card, **_beside(params, name, corpora_of(one.card))}
        details = read_json(paths.details(name), Details, "evaluate")
        found.append(Scored(name, details, one, notes_of(card, synthetic), titles[name], card))
    return found


def _beside(params: Params, name: str, corpora: Sequence[str]) -> dict[str, Any]:
    """What params.yaml and the corpora's reports say of an experiment beside its card."""
    skipping = [c for c in corpora if c in params.corpora and params.corpora[c].on_bad_audio == "skip"]
    left_out = sum(bad_audio_count(paths.corpus_report(corpus)) for corpus in skipping)
    return {"published": params.scored[name].published, "left_out": left_out}


def by_group(found: Sequence[Scored]) -> dict[str, list[Scored]]:
    """Scores that can be compared side by side, in their first order."""
    groups: dict[str, list[Scored]] = {}
    for one in found:
        groups.setdefault(one.group, []).append(one)
    return groups
