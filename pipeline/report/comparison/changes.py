"""Which params concern an experiment, and which of them differ between two revisions."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline import paths
from pipeline.arithmetic import KEY
from pipeline.config.class_sets import SECTION, class_set_name
from pipeline.graph.stage_keys import UNREAD
from pipeline.systems import ROLES

Params = Mapping[str, Any]
"""params.yaml as plain data, right or wrong"""

NOT_THERE = object()
"""the value of a key that is not written there"""

LONGEST = 60
"""characters of a value that is shown"""


@dataclass(frozen=True)
class Change:
    """A key of params.yaml, as `experiments.pooled_en.params.c`, and its two values; either may be `NOT_THERE`."""

    key: str
    before: Any
    after: Any


def changes(name: str, before: Params, after: Params) -> list[Change]:
    """The changed params that an experiment or a fusion depends on, in the order of the later file, then the earlier.

    Params that are not written, and have their defaults, are not looked up: to write a default is a change. None where
    one of the files has no such experiment, as then nothing is known.
    """
    if not all(any(entries(params, name)) for params in (before, after)):
        return []
    old, new = dict(concerning(before, name)), dict(concerning(after, name))
    pairs = ((key, old.get(key, NOT_THERE), new.get(key, NOT_THERE)) for key in {**new, **old})
    return [Change(*pair) for pair in pairs if not is_same(pair[1], pair[2])]


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are, where true is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def concerning(params: Params, name: str) -> Iterator[tuple[str, Any]]:
    """Dotted key and value of all params that the scores of an experiment or a fusion depend on."""
    for keys in ((KEY,), ("seed",), ("scoring",), *dict.fromkeys(entries(params, name))):
        yield from flat(keys, value_of(params, keys))


def branches(params: Params, name: str) -> list[str]:
    """The experiments that a name stands for: itself, or all that a fusion is made of; none where it is not there."""
    return [entry for section, entry in entries(params, name) if section == "experiments"]


def entries(params: Params, name: str, above: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """Section and name of each entry that it depends on; some several times."""
    if name in above:  # a fusion of itself, which `ser graph` refuses
        return
    fusion = value_of(params, ("fusions", name))
    if isinstance(fusion, Mapping):
        yield "fusions", name
        for branch in _names(fusion.get("of")):
            yield from entries(params, branch, above | {name})
    transfer = value_of(params, ("transfers", name))
    if isinstance(transfer, Mapping):
        yield "transfers", name
        yield from _inputs(params, {"corpus": transfer.get("corpus")})
        for source in _names(transfer.get("source")):
            yield from entries(params, source, above | {name})
    experiment = value_of(params, ("experiments", name))
    if isinstance(experiment, Mapping):
        yield "experiments", name
        if named := class_set_name(experiment):
            yield SECTION, named
        yield from _inputs(params, experiment)


def _inputs(params: Params, experiment: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field, section in (("corpus", "corpora"), ("protocol", "protocols"), ("copies", "copies")):
        yield from ((section, entry) for entry in _names(experiment.get(field)))
    for role in ROLES:
        for entry in _names(experiment.get(role)):
            yield from (("features", entry), ("embeddings", entry))
    for corpus in _names(experiment.get("corpus")):
        root = value_of(params, ("corpora", corpus, "root"))
        yield from (("demo", demo) for demo in _names(value_of(params, ("demo",))) if str(paths.raw(demo)) == root)


def _names(value: Any) -> Iterable[str]:
    """A name as one of several; the texts of a list; the keys of a mapping; of anything else, none."""
    items = [value] if isinstance(value, str) else value if isinstance(value, list | Mapping) else []
    return [item for item in items if isinstance(item, str)]


def value_of(params: Any, keys: Iterable[str]) -> Any:
    """What stands below these keys, or `NOT_THERE`."""
    for key in keys:
        if not isinstance(params, Mapping) or key not in params:
            return NOT_THERE
        params = params[key]
    return params


def flat(keys: tuple[str, ...], value: Any) -> Iterator[tuple[str, Any]]:
    """A value as dotted keys and what is no mapping; without what changes no score."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not (len(keys) == 2 and key in UNREAD):
                yield from flat((*keys, str(key)), item)
    elif value is not NOT_THERE:
        yield ".".join(keys), value


def shown(value: Any) -> str:
    """A value as a reader sees it, in few characters."""
    if value is NOT_THERE:
        return "(not there)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return cut(text, LONGEST)


def cut(text: str, width: int) -> str:
    """Text of so many characters at most; a longer one has its ends, and an ellipsis for its middle."""
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"
