"""How a transfer brings its source's models to a target, in words, and what experiments of one matrix share."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.audio.keys import COPY
from pipeline.experiments.predictions import Predictions
from pipeline.experiments.selection import described
from pipeline.experiments.values import Values
from pipeline.storage.identity import canonical_json

Found = Predictions | Values
"""what models gave, of classes or of numbers"""

ZERO_SHOT = "zero-shot"

SHOWN = 3
"""params that are named, at most"""
WIDEST = 24
"""signs of a param's value that are shown, at most"""


def origin_of(one: Found) -> Mapping[str, Any]:
    """What the card of a transfer says of its source; empty for what is none."""
    origin: Mapping[str, Any] = one.card.get("transfer") or {}
    return origin


def setting_of(one: Found, source: Found) -> str:
    """As `20 % of the speakers, head tuned with epochs 20`, with the params that are not the source's."""
    origin, weights = origin_of(one), origin_of(one).get("weights")
    start = f"from fold {weights}" if isinstance(weights, int) else ""
    aligned = f"{origin['align']} by {origin['align_by']}" if origin.get("align", "none") != "none" else ""
    trained = f"{_trained(one)}{_with(_own_params(one, source), _joint(one))}"
    return ", ".join(filter(None, [trained, start, aligned, described(one.card.get("only"))]))


def setting_key(one: Found, source: Found) -> str:
    """What the setting says, and the params whole."""
    return canonical_json([setting_of(one, source), _own_params(one, source)])


def _own_params(one: Found, source: Found) -> dict[str, Any]:
    """The params that are not as the source's."""
    known: Mapping[str, Any] = source.card["params"]
    return {name: value for name, value in one.card["params"].items() if name not in known or known[name] != value}


def _trained(one: Found) -> str:
    origin, protocol = origin_of(one), one.card["protocol"]
    share = f"{100 * protocol['share']:g} % of the {protocol['of']}"
    if origin.get("fitted_again"):
        return f"fitted again with {share}" if protocol["share"] else f"{ZERO_SHOT}, fitted again"
    if not protocol["share"]:
        return ZERO_SHOT
    return f"{share}, {'trained on it alone' if origin.get('weights') == 'fresh' else origin['tune'] + ' tuned'}"


def _joint(one: Found) -> str:
    """The word before the params, where one `with` is there already."""
    return "and" if origin_of(one).get("fitted_again") and one.card["protocol"]["share"] else "with"


def _with(params: Mapping[str, Any], word: str) -> str:
    if not params:
        return ""
    shown = [f"{name} {shortened(value)}" for name, value in params.items()]
    more = [f"{len(shown) - SHOWN} more"] if len(shown) > SHOWN else []
    return f" {word} {', '.join([*shown[:SHOWN], *more])}"


def shortened(value: Any) -> str:
    """A param's value, cut where it is long."""
    text = re.sub(r"\s+", " ", str(value))
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def recipe_of(one: Found) -> str:
    """What two experiments share that differ in their corpora and protocols only."""
    models = [feature["digest"] for feature in one.card.get("cost", {}).get("features", [])]
    return canonical_json([one.card["system"], one.card["inputs"], models, training_of(one), _columns(one)])


def _columns(one: Found) -> list[str]:
    """Its classes, or its targets."""
    return one.targets if isinstance(one, Values) else one.classes


def _gives(one: Found) -> str:
    """The same in words: how many classes, or which targets."""
    return f"{len(one.classes)} classes" if isinstance(one, Predictions) else f"targets {', '.join(one.targets)}"


def training_of(one: Found) -> dict[str, Any]:
    """The params of an experiment, and what else of its training is not as by default."""
    extra = {name: one.card[name] for name in ("trainings", "balance", "labels") if name in one.card}
    copies = sorted({match[1] for key in _trained_keys(one) if (match := COPY.search(key))})
    return {**one.card["params"], **extra, **({"copies": " ".join(copies)} if copies else {})}


def _trained_keys(one: Found) -> Iterator[str]:
    return (key for fold in one.folds for key in fold["train"])


def titles_of(examples: Mapping[str, Found]) -> dict[str, str]:
    """Recipe -> system, inputs, and classes or targets; of those who share them, with the params in which they differ.

    Args:
        examples: recipe -> an experiment of it.
    """
    alike: dict[str, list[str]] = {}
    for recipe, one in examples.items():
        title = f"{one.card['system']} ({', '.join(one.card['inputs'])}), {_gives(one)}"
        alike.setdefault(title, []).append(recipe)
    titles = {}
    for title, recipes in alike.items():
        tables = [training_of(examples[recipe]) for recipe in recipes]
        for recipe, own in zip(recipes, _differences(tables), strict=True):
            titles[recipe] = ", ".join([title, *own])
    return told_apart(titles, {recipe: one.card["name"] for recipe, one in examples.items()})


def _differences(tables: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Of each table, the values of those keys in which not all agree."""
    keys = dict.fromkeys(key for table in tables for key in table)
    differing = [key for key in keys if any(table.get(key) != tables[0].get(key) for table in tables)]
    return [
        [f"{key} {shortened(table[key])}" if key in table else f"no {key}" for key in differing] for table in tables
    ]


def told_apart(titles: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """The titles by their keys, with a name where several have the same."""
    counts = Counter(titles.values())
    return {key: title if counts[title] == 1 else f"{title}, as {names[key]}" for key, title in titles.items()}
