"""Params of transfers: an experiment's trained models on another corpus, as they are or tuned on a share of it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline.config.experiments import ExperimentParams, Only
from pipeline.config.scoring import Published
from pipeline.strict import Strict

IDLE_WITHOUT_SHARE = ("of", "draws", "tune")
"""params that say how is trained"""

Of = Literal["speakers", "utterances"]
Tune = Literal["all", "fusion", "head"]
Align = Literal["none", "moments", "coral"]
AlignBy = Literal["corpus", "speaker"]


def _check_weights(given: Any) -> Any:
    if given in ("folds", "fresh") or (type(given) is int and given >= 0):
        return given
    raise ValueError("should be folds, fresh, or the number of a fold, 0 or more")


Weights = Annotated[Literal["folds", "fresh"] | int, BeforeValidator(_check_weights)]
Share = Annotated[float, Field(ge=0, lt=1)]


class TransferParams(Strict):
    """One experiment's models on a corpus that they were not trained on."""

    source: str = Field(description="an entry of experiments, whose trained models stay as they are")
    corpus: str = Field(description="an entry of corpora that the source was not trained on: the target")
    share: Share = Field(
        description="of the target's speakers or utterances, which is trained on, rounded to the nearest number, and 1 "
        "at least of utterances; the rest is the test part; 0 is zero-shot"
    )
    of: Of = Field("speakers", description="what the share is of; utterances are drawn by emotion")
    draws: int = Field(5, ge=1, description="random draws of the share, no two alike; 1 of share 0")
    tune: Tune = Field("all", description="what of a network is trained: all, its fusion and head, or its head alone")
    weights: Weights = Field(
        "folds",
        description="what is tuned: each fold's model of the source, whose probabilities are averaged; or the model of "
        "the fold of that number; or fresh: none, so that the share alone is trained on",
    )
    align: Align = Field(
        "none", description="how the target's features are aligned to the source's, without labels (transductive)"
    )
    align_by: AlignBy = Field("corpus", description="whether all of the target is aligned as one, or each speaker")
    only: Only = Field({}, description="recordings of the target of these alone, as {language: de, gender: female}")
    params: dict[str, Any] = Field(
        {},
        description="of the tuning, in the place of the source's own; of share 0, those with which a system without "
        "epochs is fitted to the source's recordings again, as {normalisation: per_corpus}",
    )
    published: Published = Field({}, description="what the paper reports (%), for the tables")

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_drawn_twice(cls, values: Any) -> Any:
        """Of share 0 there is one draw, which is everything."""
        if isinstance(values, Mapping) and values.get("share") == 0:
            return {"draws": 1, **values}
        return values

    @model_validator(mode="after")
    def _no_idle_param(self) -> "TransferParams":
        for problem in self._idle():
            raise ValueError(problem)
        return self

    def _idle(self) -> Iterator[str]:
        if not self.share:
            given = [name for name in IDLE_WITHOUT_SHARE if name in self.model_fields_set and not self._is_only(name)]
            yield from (f"{name} is of no use to share 0, which trains nothing; leave it out" for name in given)
            if self.weights == "fresh":
                yield "weights fresh with share 0 leaves nothing that is trained; give a share, or leave weights out"
        if self.weights == "fresh" and self.tune != "all":
            yield f"tune {self.tune} leaves the rest as it was trained, and weights fresh trains all; leave one out"
        if self.align == "none" and "align_by" in self.model_fields_set:
            yield "align_by is of no use without align; give align: moments or coral, or leave it out"

    def _is_only(self, name: str) -> bool:
        """Whether a param says what it is anyway: one draw of nothing."""
        return name == "draws" and self.draws == 1

    def trains(self, source: ExperimentParams) -> bool:
        """Whether models are made, and not only the source's are tested: of a share, or with other params.

        Self-training learns from the target's recordings without labels, so that models are made of share 0 too.
        """
        return bool(self.share or self.params or source.params.get("self_training"))

    @property
    def corpora(self) -> list[str]:
        """The corpora that are tested on: the target."""
        return [self.corpus]


class TransferScheme(Strict):
    """How a transfer was tested, in the place of a protocol: `repeats` draws, each with one test part."""

    scheme: Literal["transfer"] = "transfer"
    share: Share
    of: Of
    repeats: int = Field(ge=1)

    @property
    def inner_folds(self) -> int:
        """None: what is trained on is little."""
        return 0


class Origin(Strict):
    """Where the models of a transfer come from, as cards have it."""

    source: str = Field(description="the experiment")
    corpus: str = Field(description="that it was trained on")
    tune: Tune
    weights: Weights
    align: Align
    align_by: AlignBy
    fitted_again: bool = Field(False, description="whether models were fitted to the source's recordings again")
