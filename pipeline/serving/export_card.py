"""What an export says of itself: the schema `ser-export/1` of its `model.json`.

An export is a folder, or the same as a .zip:

- `model.json`: what it is, what it was trained on, and what its scores are worth (`ExportCard`; of models of numbers
  `ValueExportCard`, see `value_export_card.py`);
- `README.md`: the same for people, and for Hugging Face's hub;
- `card.json`, `fold_NN.safetensors`, and of a fusion `branches/NAME/`: the models, as data/models/NAME has them.
"""

from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from pipeline.experiments.model_card import Recipe
from pipeline.experiments.model_folder import Classes, Digest, Name
from pipeline.strict import Strict

EXPORTS = Path("exports")
"""where exports go that no other place is named for"""
EXPORT = "model.json"
PAGE = "README.md"
LICENCE_PAGE = "LICENSE.md"
"""one of the two names that the hub takes for it"""
FORMAT: Final = "ser-export/1"

Kind = Literal["folds", "refitted"]
"""the cross-validation's models, whose mean is taken, or one that is trained again on all of the data"""
CardPath = Annotated[str, Field(pattern=r"^(branches/[A-Za-z0-9_][A-Za-z0-9_-]*/)?card\.json$")]
Share = Annotated[float, Field(ge=0, le=1)]


class Score(Strict):
    """A score of the cross-validation, with its interval over speakers."""

    value: Share
    low: Share
    high: Share


class Figure(Strict):
    """A figure that can be below 0 or above 1, with its interval over speakers."""

    value: float
    low: float
    high: float


class Corpus(Strict):
    """What was trained on, as its reader tells."""

    name: Name
    title: str
    licence: str
    source: str
    languages: list[str]


class Pretrained(Strict):
    """A self-supervised model that is needed and is not among the files."""

    model: str = Field(description="name of the hub, or of the folder that it was in")
    weights: Digest | Literal[""] = Field(description="nothing where the models' own files tell it from others")


class Trained(Strict):
    """An experiment among the models."""

    system: str
    params: dict[str, Any]
    features: dict[str, Recipe] = Field(description="by role")


class ExportFacts(Strict):
    """What exports say of classes and of numbers alike."""

    format: str
    name: Name
    models: Kind
    count: int = Field(ge=1, description="models whose probabilities, or numbers, are averaged")
    system: str
    experiments: dict[Name, Trained] = Field(min_length=1, description="by name")
    pretrained: list[Pretrained]
    corpora: list[Corpus] = Field(min_length=1, description="that the models were trained on, those of a source too")
    tested_on: list[str] = Field([], description="the corpora that the scores are of; none: those trained on")
    utterances: int = Field(ge=1)
    speakers: int = Field(ge=0, description="that are known")
    protocol: dict[str, Any]
    folds: int = Field(0, ge=0, description="of the protocol, repeats and trainings among them; 0: not counted")
    tested: int = Field(0, ge=0, description="recordings that the scores are of; 0: not counted")
    confidence: float = Field(gt=0.5, lt=1, description="coverage of the intervals")
    marks: dict[str, str] = Field(description="what a reader must know to judge the scores")
    cards: dict[CardPath, Digest] = Field(min_length=1, description="card.json of each folder -> its digest")

    @property
    @abstractmethod
    def columns(self) -> list[str]:
        """What the models give a number of: classes, or targets."""

    @property
    @abstractmethod
    def headline(self) -> str:
        """The score that it is known by, with its interval."""

    def check_count(self) -> None:
        """Refuse a refitted model that is not one.

        Raises:
            ValueError: it is not.
        """
        if self.models == "refitted" and self.count != 1:
            raise ValueError(f"a refitted model is one, and there are {self.count}")


class ExportCard(ExportFacts):
    """The card of models of classes; every key is there, and no other."""

    format: Literal["ser-export/1"]
    classes: Classes = Field(min_length=2)
    untested: list[str] = Field([], description="classes of which test parts have no recording")
    scores: dict[Literal["WA", "UA", "macro_F1"], Score]

    @property
    def columns(self) -> list[str]:
        """The classes, in the order of probabilities."""
        return list(self.classes)

    @property
    def headline(self) -> str:
        """UA."""
        score = self.scores["UA"]
        return f"UA {score.value:.1%} ({score.low:.1%} to {score.high:.1%})"

    @model_validator(mode="after")
    def _intervals_hold_their_scores(self) -> "ExportCard":
        for name, score in self.scores.items():
            check_interval(name, score)
        self.check_count()
        return self


def check_interval(name: str, score: Score | Figure) -> None:
    """Refuse an interval that does not hold its score.

    Raises:
        ValueError: it does not.
    """
    if not score.low <= score.value <= score.high:
        raise ValueError(f"the interval of {name} does not hold it")
