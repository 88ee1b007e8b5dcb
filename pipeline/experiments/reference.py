"""What a transfer starts from: an experiment's trained models, and the recordings that they were trained on."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from pipeline import paths
from pipeline.audio.keys import source_key
from pipeline.corpora.manifest import Row
from pipeline.corpora.overlaps import Stretch, stretches
from pipeline.errors import UserError
from pipeline.experiments.balance import balance_cells, balanced
from pipeline.experiments.experiment import Features
from pipeline.experiments.labelled import datasets_of
from pipeline.experiments.model_card import ModelCard, TrainedCard
from pipeline.experiments.model_folder import read_card, validated_card
from pipeline.experiments.votes import share_table
from pipeline.storage.joined import Joined
from pipeline.storage.qualified import Qualified, qualified
from pipeline.storage.source import Source
from pipeline.systems.soft_labels import SoftLabels

Files = Mapping[str, Features]
"""role -> feature file, or those of several corpora as one"""


Card = TypeVar("Card", bound=TrainedCard)


@dataclass(frozen=True)
class TrainedReference(ABC, Generic[Card]):
    """A source of a transfer; its keys, speakers and contents are `qualified` by the corpus.

    Attributes:
        folder: of its trained models.
        card: of them.
        rows: the experiment's utterances, with its classes or numbers.
        clean: role -> feature file of its corpus.
        copied: role -> feature file of its copies; empty for none.
        trained: keys of each fold's training part, those of copies too.
    """

    folder: Path
    card: Card
    rows: Sequence[Row]
    clean: Files
    copied: Files
    trained: Sequence[Sequence[str]]

    @classmethod
    @abstractmethod
    def card_of(cls, folder: Path) -> Card:
        """The card of a folder of models.

        Raises:
            UserError: it is missing or damaged, or of models that give something else.
        """

    @classmethod
    def read(cls, experiment: str, rows: Sequence[Row], clean: Files, copied: Files) -> Self:
        """Read what the experiment left.

        Args:
            experiment: its name.
            rows: its utterances, with its classes or numbers.
            clean: role -> features of its corpus.
            copied: role -> features of its copies.

        Raises:
            UserError: models or folds are missing or damaged.
        """
        folder = paths.models(experiment)
        return cls(
            folder,
            cls.card_of(folder),
            qualified_rows(rows),
            clean,
            copied,
            [_qualified_keys(rows, fold) for fold in _trained(experiment)],
        )

    @abstractmethod
    def fitted(self, keys: Sequence[str], seed: int) -> list[str]:
        """Keys that a model is fitted to, of those of a training part."""

    @abstractmethod
    def truth(self, keys: Sequence[str]) -> Any:
        """What a model is fitted to of utterances, or of what they are copies of."""

    @cached_property
    def everything(self) -> list[str]:
        """All that any fold's model was trained on, each once."""
        return list(dict.fromkeys(key for fold in self.trained for key in fold))

    def sources(self, files: Files) -> dict[str, Source]:
        """Feature files of its own as sources of its keys."""
        return {role: qualified_source(file, self.card.corpus) for role, file in files.items()}


class Reference(TrainedReference[ModelCard]):
    """A source whose models tell classes apart."""

    @classmethod
    def card_of(cls, folder: Path) -> ModelCard:
        """The card of a folder of models."""
        return validated_card(ModelCard, read_card(folder), folder)

    def fitted(self, keys: Sequence[str], seed: int) -> list[str]:
        """Keys that a model is fitted to: those of a training part, repeated as the experiment's `balance` asks."""
        datasets = {row.key: row.dataset for row in self.rows}
        cells = balance_cells(self.card.balance, [datasets[source_key(key)] for key in keys], self._emotions(keys))
        return [keys[i] for i in balanced(cells, seed)]

    def truth(self, keys: Sequence[str]) -> list[str] | SoftLabels:
        """The classes of utterances, or of what they are copies of; or shares of them, where models learnt votes."""
        emotions = self._emotions(keys)
        if self.card.labels == "majority":
            return emotions
        known = {row.key: row for row in self.rows}
        rows = [known[source_key(key)] for key in keys]
        return SoftLabels(self.card.classes, share_table(rows, self.card.emotions, self.card.classes), emotions)

    def _emotions(self, keys: Sequence[str]) -> list[str]:
        known = {row.key: row.emotion for row in self.rows}
        return [known[source_key(key)] for key in keys]


def _trained(experiment: str) -> list[list[str]]:
    path = paths.predictions(experiment) / "folds.json"
    try:
        return [[*fold["train"]] for fold in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"{path}: missing or damaged ({error}); `dvc repro train-{experiment}` makes it") from error


def qualified_source(features: Features, corpus: str) -> Source:
    """Features whose keys say their corpus, as those of several corpora do anyway."""
    return features if isinstance(features, Joined) else Qualified(features, corpus)


def _qualified_keys(rows: Sequence[Row], keys: Sequence[str]) -> list[str]:
    corpora = datasets_of(rows)
    return [*keys] if len(corpora) > 1 else [qualified(corpora[0], key) for key in keys]


def qualified_rows(rows: Sequence[Row]) -> list[Row]:
    """Rows whose keys, twins and speakers say their corpus, as those of several corpora do anyway."""
    if len(datasets_of(rows)) > 1:
        return [*rows]
    return [
        replace(
            row,
            key=qualified(row.dataset, row.key),
            twin=qualified(row.dataset, row.twin),
            speaker=qualified(row.dataset, row.speaker),
        )
        for row in rows
    ]


def check_apart(
    target: Sequence[Row], files: Files, reference: TrainedReference[Any], copies: Iterable[tuple[str, str]] = ()
) -> None:
    """Refuse a target that has a recording of the source.

    Args:
        target: the target's rows, qualified.
        files: its features, made as the source's.
        reference: the source.
        copies: pairs of keys of recordings that sound the same, the target's first, see `copies_across`.

    Raises:
        UserError: two recordings have the same bytes or the same audio, or sound the same; both are named.
    """
    role = next(iter(reference.clean))
    parts = stretches([*reference.rows, *target])
    own = _identities(target, files[role], parts)
    others = _identities(reference.rows, reference.clean[role], parts)
    known = {identity: key for key, identities in others.items() for identity in identities}
    equal = ((key, known[identity]) for key, identities in own.items() for identity in identities if identity in known)
    keys = {row.key for row in reference.rows}
    near = ((key, same) for key, same in copies if key in own and same in keys)
    for key, same in chain(equal, near):
        raise UserError(
            f"{key!r} is the recording {same!r}, which {reference.card.name} has: a transfer is tested on what its "
            "source never heard; take it out of one of the two corpora"
        )


def _identities(
    rows: Sequence[Row], features: Features, parts: Mapping[str, Stretch]
) -> dict[str, list[bytes | Stretch]]:
    """Key -> what says that a recording of another corpus is the same: its audio, or the part of a file that it is.

    Silent recordings, each of which is a twin of its own, are nobody's.
    """
    source = qualified_source(features, rows[0].dataset)
    digests = features.digests[source.index(row.key for row in rows)]
    return {
        row.key: [digest.tobytes(), *([parts[row.key]] if row.key in parts else [])]
        for row, digest in zip(rows, digests, strict=True)
        if row.twin != row.key
    }
