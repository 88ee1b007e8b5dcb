"""Whether recordings are enough for models that standardise them by their own speaker's, or corpus's, statistics.

Of one recording alone every feature becomes 0, whatever is heard, and the answer is the same for any file.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pipeline.errors import UserError
from pipeline.serving.trained_model import TrainedModel
from pipeline.systems.normalisation import GROUPS, own_statistics

LEAST = 2
"""recordings of a group, without which nothing is left of one"""

FEW = 5
"""recordings of a group below which a user is warned: of n values none is further than sqrt(n - 1) standard deviations
from their mean (Samuelson 1968, "How deviant can you be?", Journal of the American Statistical Association 63), so that
below 5 none reaches 2, as models were trained to hear; of two, each is 1 or -1, whatever is heard"""

CURE = "or take a model with normalisation: training"

Groups = Mapping[str, Mapping[str, str]]
"""kind (`speaker`, `corpus`) -> key of each recording -> its group; "" where it is not known"""


def check_alone(models: Iterable[TrainedModel[Any]]) -> None:
    """Refuse models that cannot hear one recording, or its windows, without others.

    Raises:
        UserError: one standardises by statistics of each speaker or corpus.
    """
    for model in models:
        if normalisation := own_statistics(model.card.params):
            kind = GROUPS[normalisation]
            raise UserError(
                f"{model.card.name}: standardises by statistics of each {kind} (normalisation: {normalisation}), which "
                f"need several recordings of one {kind}, and here each is heard alone; give them to `ser predict` "
                f"at once and without --window, {CURE}"
            )


def check_enough(models: Iterable[TrainedModel[Any]], groups: Groups) -> None:
    """Refuse groups of fewer recordings than statistics can be taken of.

    Raises:
        UserError: there is one; the message names it.
    """
    for name, normalisation, kind, sizes in _sizes(models, groups):
        for group, count in sizes.items():
            if count < LEAST:
                of = f" of {group!r}" if kind == "speaker" else ""
                raise UserError(
                    f"{name}: statistics of each {kind} (normalisation: {normalisation}) need several recordings of "
                    f"one {kind}, and there is one{of}; give more at once, {CURE}"
                )


def remarks(models: Iterable[TrainedModel[Any]], keys: Collection[str], speakers: Mapping[str, str]) -> Iterator[str]:
    """What a user should know of the statistics that recordings were standardised by, a line each.

    Args:
        models: those that were asked.
        keys: of the recordings.
        speakers: key -> speaker, of those that are known.
    """
    for name, normalisation, kind, sizes in _sizes(models, groups_of(keys, speakers)):
        if kind == "corpus":
            yield (
                f"{name}: all {len(keys)} recordings are taken for one corpus, whose statistics standardise them "
                f"(normalisation: {normalisation}); give those of another source by themselves"
            )
        if few := {group: count for group, count in sizes.items() if count < FEW}:
            least = min(few, key=lambda group: few[group])
            of = f" of {least!r}" if kind == "speaker" else ""
            yield (
                f"{name}: statistics of each {kind} (normalisation: {normalisation}) are poor where recordings are "
                f"few, and there are {few[least]}{of}; give {FEW} or more of each {kind}"
            )


def groups_of(keys: Iterable[str], speakers: Mapping[str, str]) -> Groups:
    """The speaker of each recording, and the one corpus of all."""
    known = list(keys)
    return {"speaker": {key: speakers.get(key, "") for key in known}, "corpus": dict.fromkeys(known, "-")}


def _sizes(models: Iterable[TrainedModel[Any]], groups: Groups) -> Iterator[tuple[str, str, str, Counter[str]]]:
    """Name, normalisation, kind of group, and recordings of each known group, of models that standardise by groups."""
    for model in models:
        if normalisation := own_statistics(model.card.params):
            kind = GROUPS[normalisation]
            yield model.card.name, normalisation, kind, Counter(group for group in groups[kind].values() if group)
