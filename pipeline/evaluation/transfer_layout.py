"""Which transfers and experiments stand together in a matrix of corpora, by their sources and targets.

A matrix is of one system with its inputs, params and classes (or targets), and of one way to bring it to the target:
zero-shot, tuned on a share, or fitted again, with params of its own. Its diagonal is of experiments within a corpus,
its other cells of transfers; an experiment that leaves one corpus out at a time gives a row of its own, whose source is
all the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.evaluation.cost import is_fusion
from pipeline.evaluation.transfer_setting import (
    ZERO_SHOT,
    Found,
    origin_of,
    recipe_of,
    setting_key,
    setting_of,
    titles_of,
    told_apart,
)
from pipeline.storage.identity import canonical_json

OTHERS = "all others"
"""the source where one corpus of several is left out"""

PLAIN = canonical_json([ZERO_SHOT, {}])
"""the key of the setting of models that are tested as they are"""

Pair = tuple[str, str]
"""source and target"""


@dataclass(frozen=True)
class Layout:
    """What stands in one matrix.

    Attributes:
        system: its name, with its inputs, and its classes or targets.
        setting: how it was brought to the targets, as `zero-shot`.
        within: experiment on a corpus of the transfers -> that corpus, twice.
        moved: transfer -> its source's corpus and its own.
        leaving_out: the experiments that leave one corpus out at a time.
    """

    system: str
    setting: str
    within: Mapping[str, Pair]
    moved: Mapping[str, Pair]
    leaving_out: Sequence[str]


def layouts(found: Mapping[str, Found]) -> list[Layout]:
    """The matrices of all transfers, in the order in which their sources and settings come.

    Args:
        found: predictions of all experiments and transfers, all of classes or all of numbers.
    """
    recipes = {name: recipe_of(one) for name, one in found.items() if _is_trained(one)}
    transfers = {name: one for name, one in found.items() if origin_of(one)}
    groups: dict[tuple[str, str], list[str]] = {}
    for name, one in transfers.items():
        source = origin_of(one)["source"]
        if source in recipes:
            groups.setdefault((recipes[source], setting_key(one, found[source])), []).append(name)
    left_out = {name: recipe for name, recipe in recipes.items() if _leaves_out(found[name])}
    for recipe in left_out.values():
        groups.setdefault((recipe, PLAIN), [])
    examples = {recipe: found[name] for name, recipe in reversed(recipes.items())}
    titles = titles_of({recipe: examples[recipe] for recipe in dict.fromkeys(recipe for recipe, _ in groups)})
    settings = _settings(groups, found)
    placed = []
    for (recipe, key), names in groups.items():
        alike = [name for name, own in recipes.items() if own == recipe]
        moved = {name: (origin_of(found[name])["corpus"], found[name].card["corpus"]) for name in names}
        others = [name for name in alike if name in left_out and key == PLAIN]
        placed.append(Layout(titles[recipe], settings[recipe, key], _within(alike, moved, found), moved, others))
    return placed


def _settings(groups: Mapping[Pair, Sequence[str]], found: Mapping[str, Found]) -> dict[Pair, str]:
    """Recipe and setting's key -> the setting in words, no two of a recipe alike."""
    settings: dict[Pair, str] = {}
    for recipe in dict.fromkeys(recipe for recipe, _ in groups):
        own = {key: names[0] for (other, key), names in groups.items() if other == recipe and names}
        texts = {key: setting_of(found[name], found[origin_of(found[name])["source"]]) for key, name in own.items()}
        settings |= {(recipe, key): text for key, text in told_apart(texts, own).items()}
    return {group: settings.get(group, ZERO_SHOT) for group in groups}


def _is_trained(one: Found) -> bool:
    """Whether it is an experiment, and no fusion and no transfer."""
    return "inputs" in one.card and not origin_of(one) and not is_fusion(one.card)


def _leaves_out(one: Found) -> bool:
    return bool(one.card["protocol"]["scheme"] == "leave_one_corpus_out")


def _within(alike: Sequence[str], moved: Mapping[str, Pair], found: Mapping[str, Found]) -> dict[str, Pair]:
    """The experiments of a recipe on the corpora of its transfers: the diagonal."""
    own = [found[name].card["corpus"] for name in moved]
    corpora = {*own, *(source for source, _ in moved.values())}
    experiments = {name: found[name].card["corpus"] for name in alike if not _leaves_out(found[name])}
    return {name: (corpus, corpus) for name, corpus in experiments.items() if corpus in corpora}
