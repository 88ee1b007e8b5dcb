"""Params of protocols: who is trained on, validated on and tested on."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.corpora.fold_lists import has_emobox_validation, has_table_validation
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


class LeaveOneCorpusOut(_Grouped):
    """One fold per corpus of an experiment on several: trained on all others, tested on the whole of it."""

    scheme: Literal["leave_one_corpus_out"]


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


def _given(path: Path) -> Path:
    if path == Path():
        raise ValueError("should name what holds the folds")
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path.parts[0]!r} is no user's home folder") from error


ListPath = Annotated[Path, Field(strict=False), AfterValidator(_given)]


class _Listed(Strict):
    """Folds that others made; whether they share speakers is looked at, and said."""

    validation: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="share of each training part to validate on, by whole speakers where the folds share none; 0 for "
        "no validation part; the lists' own, or none, where left out",
    )
    inner_folds: InnerFolds = Field(
        0, description="folds inside the training part, along speakers where the folds share none"
    )
    missing: Literal["fail", "leave_out"] = Field(
        "fail",
        description="recordings that a list has and the corpus lacks, or that no list has: an error, or left out",
    )


class Predefined(_Listed):
    """Parts or folds by a table (`pipeline.corpora.fold_lists`), or a corpus's own parts, as its manifest has them."""

    scheme: Literal["predefined"]
    file: ListPath | None = Field(
        None, description="CSV with a column key or path, and with part, fold or both; the corpus's own parts without"
    )


class EmoBox(_Listed):
    """The folds of EmoBox, from its lists."""

    scheme: Literal["emobox"]
    folder: ListPath = Field(description="a corpus's folder of EmoBox's data, as EmoBox/data/ravdess")


ProtocolParams = Annotated[
    LeaveOneSpeakerOut | LeaveOneSessionOut | LeaveOneCorpusOut | GroupedKFold | StratifiedSplit | Predefined | EmoBox,
    Field(discriminator="scheme"),
]


def repeats(protocol: ProtocolParams) -> int:
    """How often a protocol splits the corpus."""
    return int(getattr(protocol, "repeats", 1))


def without_validation(protocol: ProtocolParams) -> ProtocolParams:
    """The protocol with the same test parts, whose validation parts are trained on."""
    name = "validation_speakers" if isinstance(protocol, _Grouped) else "validation"
    return protocol.model_copy(update={name: 0})


def has_validation(protocol: ProtocolParams) -> bool:
    """Whether folds have a validation part, as far as params say: a corpus's own parts may have one, and so do here.

    `experiments.protocols.is_validated` looks at the corpus.
    """
    if isinstance(protocol, _Grouped):
        return bool(protocol.validation_speakers)
    if protocol.validation is not None or isinstance(protocol, StratifiedSplit):
        return bool(protocol.validation)
    if isinstance(protocol, EmoBox):
        return has_emobox_validation(protocol.folder)
    return protocol.file is None or has_table_validation(protocol.file)


def list_of(protocol: ProtocolParams) -> Path | None:
    """The file or folder that a protocol takes its folds from; None for one that makes them."""
    return protocol.folder if isinstance(protocol, EmoBox) else getattr(protocol, "file", None)
