"""Which scores can be compared side by side: those on the same recordings and classes."""

from collections import Counter
from collections.abc import Mapping

from pipeline.experiments.predictions import Predictions
from pipeline.experiments.selection import described

ClassSet = tuple[tuple[str, tuple[str, ...]], ...]
"""classes, each with the labels that it merges"""


def class_set_titles(predictions: Mapping[str, Predictions]) -> dict[str, str]:
    """Experiment -> corpus and number of classes, or the classes' names where two sets of a corpus have one number.

    An experiment on the recordings of some genders or languages only is on another corpus.
    """
    tested = {name: (recordings_of(one), tested_classes(one)) for name, one in predictions.items()}
    alike = Counter((corpus, len(classes)) for corpus, classes in {*tested.values()})
    return {
        name: _named(corpus, classes) if alike[corpus, len(classes)] > 1 else _counted(corpus, len(classes))
        for name, (corpus, classes) in tested.items()
    }


def recordings_of(one: Predictions) -> str:
    """The corpus, and which of its recordings, as `ravdess (female)`."""
    only = one.card.get("only") or {}
    chosen = described({field: sorted(only[field]) for field in sorted(only)})
    return f"{one.card['corpus']} ({chosen})" if chosen else str(one.card["corpus"])


def tested_classes(predictions: Predictions) -> ClassSet:
    """The classes that the test parts have, by name: only they have a recall."""
    names = {predictions.emotions[i] for i in predictions.where("test")}
    merged = predictions.card.get("emotions") or {}
    return tuple((name, tuple(sorted(merged.get(name, [name])))) for name in sorted(names))


def _counted(corpus: str, classes: int) -> str:
    return f"{corpus}, {classes} class{'' if classes == 1 else 'es'}"


def _named(corpus: str, classes: ClassSet) -> str:
    return f"{corpus}: " + ", ".join(
        name if labels == (name,) else f"{name} ({' + '.join(labels)})" for name, labels in classes
    )
