"""Params of one experiment: a system, trained and tested on one corpus under one protocol."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.config.scoring import Published
from pipeline.corpora.emotions import EMOTIONS
from pipeline.errors import nearest
from pipeline.strict import Strict
from pipeline.systems import ROLES


def _as_mapping(given: Any) -> Any:
    """A class set as class -> the labels merged into it; a list may hold labels, and mappings of classes."""
    items = [given] if isinstance(given, Mapping) else given
    if not isinstance(items, list) or not all(isinstance(item, str | Mapping) for item in items):
        raise ValueError(
            "should be a list of labels and of mappings that merge them, as [sad, {happy: [happy, excited]}]"
        )
    classes: dict[Any, Any] = {}
    for item in items:
        for name, labels in (item if isinstance(item, Mapping) else {item: item}).items():
            if name in classes:
                raise ValueError(f"the class {name!r} stands twice")
            classes[name] = [labels] if isinstance(labels, str) else labels
    return classes


LONGEST_CLASS = 100
"""characters of a class's name"""


def check_class_name(name: str) -> None:
    """Refuse a name that could be more than a word in a table's header.

    Raises:
        ValueError: it could.
    """
    if len(name) > LONGEST_CLASS:
        raise ValueError(f"the class {name[:20]!r}... has {len(name)} characters, and {LONGEST_CLASS} are the most")
    if not name.replace("_", "").isalnum() or not name.isascii():
        raise ValueError(f"the class {name!r} may hold only letters, digits and '_'")


def _check_labels(classes: dict[str, list[str]]) -> dict[str, list[str]]:
    taken: dict[str, str] = {}
    for name, labels in classes.items():
        check_class_name(name)
        if not labels:
            raise ValueError(f"the class {name!r} has no labels")
        for label in labels:
            if label not in EMOTIONS:
                raise ValueError(f"{label!r} is no label{nearest(label, EMOTIONS)}; labels are {', '.join(EMOTIONS)}")
            if label in taken:
                both = f"the classes {taken[label]!r} and {name!r}" if taken[label] != name else f"{name!r} twice"
                raise ValueError(f"the label {label!r} is in {both}")
            taken[label] = name
    if len(classes) < 2:
        few = f"one class, {next(iter(classes))!r}," if classes else "no class"
        raise ValueError(f"{few} leaves nothing to tell apart")
    return classes


ClassSet = Annotated[dict[str, list[str]], BeforeValidator(_as_mapping), AfterValidator(_check_labels)]
"""class -> labels merged into it"""


Balance = Literal["none", "class", "corpus", "corpus_and_class"]

CLEAN = "clean"
"""in tables, the condition of recordings as they are; no entry of conditions may have this name"""


def _check_once(conditions: list[str]) -> list[str]:
    if len(set(conditions)) < len(conditions):
        raise ValueError("has a condition twice")
    return conditions


TestOn = Annotated[
    list[str],
    AfterValidator(_check_once),
    Field(description="entries of conditions, under which the trained models are tested too; see README.md"),
]
FILTERS = ("language", "gender")


def _as_lists(given: Any) -> Any:
    """Filters as field -> values, of which one may stand alone."""
    if not isinstance(given, Mapping):
        raise ValueError("should map language or gender to those that are wanted, as {language: en, gender: female}")
    for field, wanted in given.items():
        if field not in FILTERS:
            raise ValueError(f"{field!r} is no filter{nearest(str(field), FILTERS)}; filters are {', '.join(FILTERS)}")
        if wanted in ("", []):
            raise ValueError(f"{field} names nothing; leave it out for all")
    return {field: [wanted] if isinstance(wanted, str) else wanted for field, wanted in given.items()}


Only = Annotated[dict[str, list[str]], BeforeValidator(_as_lists)]
"""language or gender -> those that are wanted"""


def _each_once(given: Any) -> Any:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("should be a name, or a list of names")
    if not names:
        raise ValueError("should be a name, or a list of names, and names none")
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"names {twice[0]!r} twice; take one out")
    return given


Names = Annotated[str | list[str], BeforeValidator(_each_once)]
"""an entry of a section, or several"""


def _check_targets(targets: list[str]) -> list[str]:
    if twice := [name for name in targets if targets.count(name) > 1]:
        raise ValueError(f"{twice[0]!r} stands twice")
    return targets


Targets = Annotated[
    list[str],
    AfterValidator(_check_targets),
    Field(description="numbers to be predicted in the place of classes, as [valence, arousal, dominance]"),
]


class ExperimentParams(Strict):
    """One system trained and tested on one corpus, or on several as one, under one protocol."""

    system: str = Field(description="the name of a system; README.md lists them")
    corpus: Names = Field(description="an entry of corpora, or a list of several, which are taken as one")
    protocol: str = Field(description="an entry of protocols")
    copies: Names = Field(
        "", description="an entry of copies, or a list of several, which join the training part; none where left out"
    )
    balance: Balance = Field(
        "none",
        description="what recordings of the training part are repeated for, until each class, each corpus, or each "
        "class of each corpus has as many",
    )
    test_on: TestOn = []
    emotions: ClassSet | None = Field(
        None,
        description="the class set: labels, of which several may be merged, as [angry, {happy: [happy, excited]}], or "
        "an entry of class_sets; recordings of others are left out; all that the corpora have where this is",
    )
    targets: Targets = []
    labels: Literal["majority", "votes"] = Field(
        "majority",
        description="what is trained on: the emotion of each recording, or (votes) the shares of its raters' votes",
    )
    only: Only = Field({}, description="recordings of these alone, as {language: en, gender: female}; all without")
    logmel: str = ""
    mfcc: str = ""
    opensmile: str = ""
    prosody: str = ""
    ssl: str = ""
    waveform: str = ""
    trainings: int = Field(
        1,
        ge=1,
        description="times that each fold is trained on the same split, with seeds of its own; scores have a spread",
    )
    params: dict[str, Any] = Field({}, description="the system's own params")
    published: Published = Field({}, description="what the paper reports (%), for the tables")

    @model_validator(mode="after")
    def _classes_or_numbers(self) -> Self:
        for name in ("emotions", "test_on", "balance"):
            if self.targets and name in self.model_fields_set and getattr(self, name) not in ([], None, "none"):
                raise ValueError(f"{name} is for classes, and there are targets; leave one of them out")
        if self.labels == "votes" and self.balance != "none":
            raise ValueError(f"balance {self.balance} counts classes, and votes are shares of them; leave one out")
        if self.targets and self.labels == "votes":
            raise ValueError("labels: votes is for classes, and there are targets; leave one of them out")
        return self

    @property
    def corpora(self) -> list[str]:
        """The entries of corpora that it is trained and tested on."""
        return [self.corpus] if isinstance(self.corpus, str) else self.corpus

    @property
    def copy_sets(self) -> list[str]:
        """The entries of copies that join its training part."""
        return self.copies if isinstance(self.copies, list) else [self.copies] if self.copies else []

    @property
    def inputs(self) -> dict[str, str]:
        """Role -> name of the feature or embedding that fills it."""
        return {role: getattr(self, role) for role in ROLES if getattr(self, role)}
