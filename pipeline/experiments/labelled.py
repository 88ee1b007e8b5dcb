"""What protocols need to know of an utterance, and the folds that they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.storage.joined import AND

Indices = NDArray[np.int64]


class Labelled(Protocol):
    """What protocols need to know of an utterance; a manifest's row says it."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def dataset(self) -> str: ...  # noqa: D102
    @property
    def wav(self) -> str: ...  # noqa: D102
    @property
    def speaker(self) -> str: ...  # noqa: D102
    @property
    def session(self) -> str: ...  # noqa: D102
    @property
    def part(self) -> str: ...  # noqa: D102
    @property
    def emotion(self) -> str: ...  # noqa: D102
    @property
    def content(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Fold:
    """Row numbers of one fold's parts, each ascending, and of which split or training it is, counted from 0."""

    train: Indices
    validation: Indices
    test: Indices
    repeat: int = 0


def datasets_of(rows: Sequence[Labelled]) -> list[str]:
    """The corpora that rows are of, in their order."""
    return list(dict.fromkeys(row.dataset for row in rows))


def corpus_title(rows: Sequence[Labelled]) -> str:
    """The name of the rows' corpus, or of several together: "ravdess + crema_d"."""
    return AND.join(datasets_of(rows))
