"""Params of one experiment: a system, trained and tested on one corpus under one protocol."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

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


class ExperimentParams(Strict):
    """One system trained and tested on one corpus under one protocol."""

    system: str = Field(description="the name of a system; README.md lists them")
    corpus: str = Field(description="an entry of corpora")
    protocol: str = Field(description="an entry of protocols")
    copies: str = Field("", description="an entry of copies, which join the training part; none where left out")
    test_on: TestOn = []
    emotions: ClassSet | None = Field(
        None,
        description="the class set: labels, of which several may be merged, as [angry, {happy: [happy, excited]}]; "
        "recordings of others are left out; all that the corpus has where this is",
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

    @property
    def inputs(self) -> dict[str, str]:
        """Role -> name of the feature or embedding that fills it."""
        return {role: getattr(self, role) for role in ROLES if getattr(self, role)}
