"""Class sets by name, which experiments share: `emotions: four` is what the entry `four` of class_sets lists."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from pipeline.config.experiments import ClassSet
from pipeline.errors import nearest

SECTION = "class_sets"


def class_set_name(entry: Any) -> str:
    """The entry of class_sets that an experiment of params.yaml names; "" where it names none."""
    given = entry.get("emotions") if isinstance(entry, Mapping) else None
    return given if isinstance(given, str) else ""


def with_class_sets(data: Mapping[Any, Any]) -> tuple[Mapping[Any, Any], list[str]]:
    """params.yaml with each class set in the place of its name, and names of none as `key: problem`.

    An experiment that names none that there is, or one with a mistake, which is said once, is left without a class set,
    so that the rest of it is looked at.

    Args:
        data: params.yaml as plain data.
    """
    experiments, sets = data.get("experiments"), data.get(SECTION)
    if not isinstance(experiments, Mapping):
        return data, []
    known = sets if isinstance(sets, Mapping) else {}
    named = {key: name for key, entry in experiments.items() if (name := class_set_name(entry))}
    entries = {key: {**experiments[key], "emotions": _sound(known.get(name))} for key, name in named.items()}
    problems = [
        f"experiments.{key}.emotions: {name!r} is not in {SECTION}{nearest(name, [*map(str, known)])}; known: "
        f"{', '.join(map(str, known)) or 'none'}; or list the classes, as [angry, {{happy: [happy, excited]}}]"
        for key, name in named.items()
        if name not in known and not _is_mistaken(data)
    ]
    return {**data, "experiments": {**experiments, **entries}} if entries else data, problems


def _is_mistaken(data: Mapping[Any, Any]) -> bool:
    """Whether the section itself is wrong, which hides what sets there are: no mapping, or under another name."""
    if SECTION in data:
        return not isinstance(data[SECTION], Mapping | None)
    return bool(nearest(SECTION, map(str, data)))


def _sound(classes: Any) -> Any:
    """A class set as it is given; None for one with a mistake."""
    try:
        TypeAdapter(ClassSet, config=ConfigDict(strict=True)).validate_python(classes)
    except ValidationError:
        return None
    return classes
