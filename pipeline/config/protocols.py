"""Params of protocols: who is trained on, validated on and tested on."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.strict import Strict


def _not_one(folds: int) -> int:
    if folds == 1:
        raise ValueError("one fold leaves nothing to fit on; 0 for none, or 2 and more")
    return folds


InnerFolds = Annotated[int, Field(ge=0), AfterValidator(_not_one)]


Repeats = Annotated[
    int, Field(ge=1, description="times that the corpus is split, each with a seed of its own; scores have a spread")
]


class _Grouped(Strict):
    """A speaker-independent protocol."""

    validation_speakers: int = Field(
        1, ge=0, description="speakers taken out of each fold's training part; 0 for no validation part"
    )
    inner_folds: InnerFolds = Field(0, description="speaker folds inside the training part, for its out-of-fold scores")


class LeaveOneSpeakerOut(_Grouped):
    """One fold per speaker."""

    scheme: Literal["leave_one_speaker_out"]


class LeaveOneSessionOut(_Grouped):
    """One fold per recording session, each of which has speakers of its own, as in IEMOCAP."""

    scheme: Literal["leave_one_session_out"]


class GroupedKFold(_Grouped):
    """Speakers dealt into folds of near-equal class counts."""

    scheme: Literal["grouped_kfold"]
    folds: int = Field(5, ge=2, description="number of folds")
    repeats: Repeats = 1


class StratifiedSplit(Strict):
    """A random split, stratified by emotion, that ignores speakers: its scores are speaker-dependent."""

    scheme: Literal["stratified_split"]
    validation: float = Field(0.1, ge=0, lt=1, description="share of the validation part; 0 for none")
    test: float = Field(0.1, gt=0, lt=1, description="share of the test part")
    inner_folds: InnerFolds = Field(0, description="folds inside the training part, for its out-of-fold scores")
    repeats: Repeats = 1

    @model_validator(mode="after")
    def _some_train(self) -> "StratifiedSplit":
        if self.validation + self.test >= 1:
            raise ValueError(f"validation {self.validation:g} and test {self.test:g} leave nothing to train on")
        return self


ProtocolParams = Annotated[
    LeaveOneSpeakerOut | LeaveOneSessionOut | GroupedKFold | StratifiedSplit, Field(discriminator="scheme")
]


def repeats(protocol: ProtocolParams) -> int:
    """How often a protocol splits the corpus."""
    return int(getattr(protocol, "repeats", 1))


def without_validation(protocol: ProtocolParams) -> ProtocolParams:
    """The protocol with the same test parts, whose validation parts are trained on."""
    name = "validation" if isinstance(protocol, StratifiedSplit) else "validation_speakers"
    return protocol.model_copy(update={name: 0})


def has_validation(protocol: ProtocolParams) -> bool:
    """Whether folds have a validation part."""
    return bool(protocol.validation if isinstance(protocol, StratifiedSplit) else protocol.validation_speakers)
