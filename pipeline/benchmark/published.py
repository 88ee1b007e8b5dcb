"""Figures that others report of whole corpora, from published.yaml beside this file."""

from functools import cache
from importlib.resources import files

from pydantic import Field

from pipeline.config.scoring import Published
from pipeline.config.strict_yaml import parse
from pipeline.strict import Strict, validate

FILE = "published.yaml"


class PublishedCorpus(Strict):
    """What is reported of one corpus."""

    folds: int = Field(ge=1)
    recordings: int | None = Field(None, ge=1, description="how many were tested; None where that is not known")
    classes: int = Field(ge=2)
    speakers_shared: str = Field(
        description="how many of the speakers that are tested are trained on too: as `10 of 10`, `some` or `none`"
    )
    systems: dict[str, Published]

    @property
    def leaks(self) -> bool:
        """Whether any are."""
        return self.speakers_shared != "none" and not self.speakers_shared.startswith("0 ")


class PublishedFigures(Strict):
    """Reader of a corpus -> what is reported of it, all by one source."""

    source: str
    corpora: dict[str, PublishedCorpus]


@cache
def published_figures() -> PublishedFigures:
    """EmoBox's."""
    text = (files(__package__) / FILE).read_text(encoding="utf-8")
    return validate(PublishedFigures, parse(text, FILE), FILE)
