"""Whether predictions were made from a manifest as it is now: its recordings, their labels and speakers."""

from collections.abc import Iterator, Sequence

from pipeline.audio.keys import source_key
from pipeline.corpora.manifest import Row
from pipeline.errors import UserError
from pipeline.experiments.classes import class_set
from pipeline.experiments.predictions import Predictions
from pipeline.experiments.selection import selected

LISTED = ("predefined", "emobox")
"""schemes whose lists need not have every recording"""


def check_origin(name: str, found: Predictions, rows: Sequence[Row]) -> None:
    """Refuse predictions of other recordings, labels or speakers than a manifest has.

    Args:
        name: the experiment or fusion.
        found: its predictions.
        rows: the manifest's, of its corpus.

    Raises:
        UserError: they differ; the message names the first utterance that does.
    """
    for problem in _problems(found, rows):
        raise UserError(f"{name}: {problem}; run `dvc repro` to bring predictions up to date")


def _problems(found: Predictions, rows: Sequence[Row]) -> Iterator[str]:
    used = {source_key(key) for key in found.keys}.union(*(_keys(fold) for fold in found.folds))
    yield from (f"{key!r} is in no manifest" for key in sorted(used - {row.key for row in rows}))
    own = class_set(selected(rows, found.card.get("only")), found.card.get("emotions"))
    chosen = {row.key: row for row in own}
    yield from (f"{key!r} has none of its classes in the manifest" for key in sorted(used - {*chosen}))
    if found.card["protocol"]["scheme"] not in LISTED:
        yield from (f"{key!r} is in the manifest, and in none of its folds" for key in chosen if key not in used)
    for key, emotion, speaker in zip(found.keys, found.emotions, found.speakers, strict=True):
        row = chosen[source_key(key)]
        for what, here, there in (("label", emotion, row.emotion), ("speaker", speaker, row.speaker)):
            if here != there:
                yield f"{key!r} has the {what} {here!r} in its predictions, and {there!r} in the manifest"
    unknown = {row.emotion for row in chosen.values()}.difference(found.classes)
    yield from (f"it has no probabilities of {emotion!r}, a class of the manifest" for emotion in sorted(unknown))


def _keys(fold: dict[str, list[str]]) -> set[str]:
    """Who is in one of a fold's parts; of copies, their sources."""
    return {source_key(key) for part in fold.values() for key in part}
