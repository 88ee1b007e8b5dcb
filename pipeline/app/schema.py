"""What the API answers, as its schema says it to programs; `analysis` makes it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.experiments.model_folder import Name
from pipeline.serving.export_card import Corpus, Kind, Score
from pipeline.strict import Strict

Probability = Annotated[float, Field(ge=0, le=1)]
Probabilities = Annotated[dict[str, Probability], Field(description="by emotion; they sum to 1")]


class Error(Strict):
    """Why there is no answer."""

    error: str = Field(description="one line: what is wrong, and what to do")


class Health(Strict):
    """A server that answers."""

    status: Literal["ok"]


class Facts(Strict):
    """What a person should know of a model before relying on it."""

    name: Name
    system: str = Field(description="of its networks, or `fusion`")
    models: Kind = Field(description="those of a cross-validation, or one that was trained again on all of the data")
    count: int = Field(description="models whose probabilities are averaged")
    classes: list[str] = Field(description="the emotions that it tells apart; it knows no others")
    corpora: list[Corpus] = Field(description="what it was trained on")
    utterances: int = Field(description="that it was trained on")
    speakers: int = Field(description="of them that are known")
    scores: dict[Literal["WA", "UA", "macro_F1"], Score] = Field(description="of a cross-validation, 0 to 1")
    confidence: float = Field(description="coverage of the scores' intervals")
    marks: dict[str, str] = Field(description="what must be known to judge the scores")
    intended_use: str = Field(description="Markdown")
    not_for: str = Field(description="Markdown")


class Window(Strict):
    """What is heard in a part of the recording."""

    start: float = Field(description="s")
    end: float = Field(description="s")
    emotion: str | None = Field(description="the likeliest; null where nobody speaks")
    voiced: Probability = Field(description="share of it that has voice")
    probabilities: Probabilities | None = Field(description="null where nobody speaks")


class Part(Strict):
    """What a fusion took from one of its branches."""

    name: str
    system: str
    fusion: str = Field(description="the one that it is a branch of")
    emotion: str = Field(description="the likeliest")
    weight: Probability | None = Field(description="its share in the fusion; null where the method has no such thing")
    weighing: str = Field(description="in words, what the share is, or what the method does instead")
    probabilities: Probabilities


class Prediction(Strict):
    """What a model says of a recording."""

    model: str = Field(description="the export's name")
    seconds: float = Field(description="length of the recording")
    emotion: str = Field(description="the likeliest")
    entropy: float = Field(ge=0, description="of the probabilities (bits): 0 where all is one emotion's")
    probabilities: Probabilities
    segments: list[Window] = Field(description="over time; none of a recording that is not longer than a window")
    branches: list[Part] = Field(description="of a fusion, then of the fusions below it; none of a single system")
    card: Facts = Field(description="as of /api/models")


class Most(Strict):
    """What is refused."""

    bytes: int = Field(description="of a request's body, at most")
    seconds: float = Field(description="of a recording, at most")
    per_minute: int | None = Field(description="requests of an address; null for any number")


class Models(Strict):
    """What can be asked."""

    models: dict[str, Facts] = Field(description="by what `model` names; the first answers where it names none")
    limits: Most


def described(schema: type[Strict]) -> dict[str, Any]:
    """A right answer, as FastAPI's `responses` has it."""
    return {"model": schema, "description": (schema.__doc__ or "").strip()}
