"""Standardisation of features with statistics of the training part, of each speaker, or of each corpus.

Statistics of the training part are the default, and each system takes them where it standardises. Per speaker, every
utterance is standardised by all recordings of its own speaker that the experiment has, those of test speakers too: no
labels are used, but several recordings of a test speaker must be had (transductive; every table marks it). Per corpus
likewise.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.strict import Strict

if TYPE_CHECKING:
    from pipeline.systems.demands import Features

Normalisation = Literal["training", "per_speaker", "per_corpus"]

GROUPS = {"per_speaker": "speaker", "per_corpus": "corpus"}
"""normalisation -> the kind of group whose recordings give the statistics"""


class SystemParams(Strict):
    """Params of every system."""

    normalisation: Normalisation = Field(
        "training",
        description="whose statistics standardise features: the training part's, or (transductive) each speaker's own",
    )

    def unmet(self, features: "Features") -> Iterator[str]:
        """What these params ask of an experiment's features that is not there, as `key: problem`, the key within it.

        Args:
            features: role -> the feature that fills it, of every role that the experiment names.
        """
        yield from ()

    def idle(self) -> Iterator[tuple[str, str]]:
        """Params that change nothing beside the others, each with why: `to optimizer adamw`, `without top_blocks`."""
        yield from ()

    def unstandardised(self, read: str) -> Iterator[str]:
        """That statistics of groups are asked for where nothing is standardised, as what `read` names is not."""
        if own_statistics({"normalisation": self.normalisation}):
            yield (
                f"params.normalisation: {self.normalisation} has nothing to standardise, as {read} as it is; "
                "choose training"
            )


def looks_at_test_part(params: Mapping[str, Any]) -> bool:
    """Whether a system with these params looks at recordings of the test part, without labels (transductive)."""
    return params.get("normalisation", "training") != "training" or bool(params.get("self_training"))


def own_statistics(params: Mapping[str, Any]) -> str:
    """The normalisation of a system that standardises by groups (see `GROUPS`); "" by the training part's."""
    given = str(params.get("normalisation", ""))
    return given if given in GROUPS else ""


class Statistics:
    """Mean and standard deviation of each dimension, for each group; what never varies is only centred."""

    def __init__(
        self, arrays: Sequence[NDArray[Any]], groups: Sequence[str], wanted: Collection[str] | None = None
    ) -> None:
        """Take the statistics of arrays (..., dims), in two passes and double precision.

        Args:
            arrays: one utterance each.
            groups: the group of each.
            wanted: the groups that statistics are needed of; None for all.
        """
        self.found: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        members: dict[str, list[NDArray[Any]]] = {}
        for array, group in zip(arrays, groups, strict=True):
            if wanted is None or group in wanted:
                members.setdefault(group, []).append(array)
        for group, own in members.items():
            rows = [array.reshape(-1, array.shape[-1]) for array in own]
            count = sum(len(row) for row in rows)
            mean = sum(row.sum(axis=0, dtype=np.float64) for row in rows) / count
            square = sum(np.square(row - mean).sum(axis=0) for row in rows) / count
            std = np.sqrt(square)
            std[std <= 1e-8] = 1
            self.found[group] = mean.astype(np.float32), std.astype(np.float32)

    def apply(self, arrays: Sequence[NDArray[Any]], groups: Sequence[str]) -> "Standardised":
        """The arrays, each standardised by its group when it is asked for."""
        return Standardised(arrays, groups, self.found)


class Standardised(Sequence[NDArray[Any]]):
    """A sequence of arrays that are standardised one at a time, so that they may stay on the disk."""

    def __init__(
        self,
        arrays: Sequence[NDArray[Any]],
        groups: Sequence[str],
        statistics: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]],
    ) -> None:
        self._arrays, self._groups, self._statistics = arrays, groups, statistics

    def __len__(self) -> int:
        return len(self._arrays)

    def __getitem__(self, index: Any) -> Any:
        mean, std = self._statistics[self._groups[index]]
        return ((self._arrays[index] - mean) / std).astype(np.float32)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[i] for i in range(len(self)))
