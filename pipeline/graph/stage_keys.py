"""Keys of params.yaml that a stage's outputs depend on: DVC can depend on those only that are written there."""

from collections.abc import Mapping
from typing import Any

from pipeline.config.class_sets import SECTION, class_set_name

UNREAD = ("published", "test_on")
"""keys of experiments, transfers and fusions that change no training of theirs"""


def given_key(data: Mapping[str, Any], section: str, *inner: str) -> list[str]:
    """A dotted key, as a list, if params.yaml has it."""
    table: Any = data
    for key in (section, *inner):
        if not isinstance(table, Mapping) or key not in table:
            return []
        table = table[key]
    return [".".join([section, *inner])]


def entry_keys(data: Mapping[str, Any], section: str, name: str) -> list[str]:
    """The keys of an entry that its results depend on."""
    return [f"{section}.{name}.{key}" for key in data[section][name] if key not in UNREAD]


def class_set_key(data: Mapping[str, Any], experiment: str) -> list[str]:
    """The key of the class set that an experiment names; none where it names none."""
    named = class_set_name(data["experiments"][experiment])
    return given_key(data, SECTION, named) if named else []
