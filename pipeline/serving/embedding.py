"""Vectors that stand for a recording.

A neural system's is what its last layer hears, its mean over time where it hears frames, of each fold's networks one
after another; another's, or any system's if that is wanted, is the mean of each of its features over time, hidden
states among them. Those of a fusion's branches stand one after another.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.systems.view import View

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pipeline.systems.layers.am_softmax import CosineClassifier
    from pipeline.systems.neural import NeuralSystem
    from pipeline.systems.regression.neural import NeuralRegressor

    Neural = NeuralSystem | NeuralRegressor

Vectors = NDArray[np.float32]
Parts = dict[str, Vectors]
"""part of a vector -> its numbers, (N, dims)"""
Of = Literal["network", "states"]
"""what the last layers of networks hear, or the mean of features over time, hidden states among them"""


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Vectors of recordings, and what their numbers are.

    Attributes:
        vectors: (N, dims).
        parts: what stands one after another in a vector -> how many numbers it has: `NAME/fold_00` of a fold's
            networks, `NAME/ROLE/STREAM` of features.
    """

    vectors: Vectors
    parts: Mapping[str, int]

    @classmethod
    def joined(cls, recordings: "Sequence[Parts]") -> "Embeddings":
        """Those of recordings, each with the same parts, (1, dims) each."""
        rows = [np.concatenate([*parts.values()], axis=1)[0] for parts in recordings]
        return cls(np.stack(rows), {name: part.shape[1] for name, part in recordings[0].items()})


def embedded(X: View, systems: "Sequence[Any]", of: Of) -> Parts:
    """Vectors (N, dims) of utterances by part, by the trained systems of an experiment's folds.

    Args:
        X: their features.
        systems: the trained ones.
        of: what they are; a system without networks has its features alone.

    Raises:
        UserError: a network's last layer hears no vectors.
    """
    if of == "network" and hasattr(systems[0], "nets_"):
        return {f"fold_{number:02d}": _heard(X, system) for number, system in enumerate(systems)}
    return pooled(X)


def pooled(X: View) -> Parts:
    """The mean of every stream over time, (N, dims), streams in the order of their roles' and their own names."""
    streams = [(role, stream) for role in sorted(X.roles) for stream in X.streams(role)]
    return {
        f"{role}/{stream}": np.stack(
            [np.asarray(rows, np.float64).mean(axis=0) for rows in X.arrays(role, stream)]
        ).astype(np.float32)
        for role, stream in streams
    }


def _heard(X: View, system: "Neural") -> Vectors:
    """What the last layer of each of a system's networks hears, (N, dims) side by side."""
    with _listening([_last_layer(system, net.module_) for net in system.nets_]) as batches:
        system.outputs(system.data(X))
    return np.concatenate([np.concatenate(own) for own in batches], axis=1)


def _outputs(system: "Neural") -> int:
    """How many classes or targets it has."""
    from pipeline.systems.neural import NeuralSystem

    return len(system.classes_) if isinstance(system, NeuralSystem) else system.outputs_


@contextmanager
def _listening(layers: "Sequence[nn.Module]") -> Iterator[list[list[Vectors]]]:
    """For each layer, what it hears of every batch, (n, dims), until the end of the block."""
    batches: list[list[Vectors]] = [[] for _ in layers]
    hooks = [layer.register_forward_pre_hook(_keeper(own)) for layer, own in zip(layers, batches, strict=True)]
    try:
        yield batches
    finally:
        for hook in hooks:
            hook.remove()


def _keeper(kept: list[Vectors]) -> Any:
    def keep(layer: "nn.Module", inputs: "tuple[Tensor, ...]") -> None:
        heard = inputs[0].detach().float().cpu().numpy()
        kept.append(heard.reshape(len(heard), -1, heard.shape[-1]).mean(axis=1))

    return keep


def _last_layer(system: "Neural", network: "nn.Module") -> "nn.Module":
    """The last layer that maps vectors to outputs, a linear one or one of cosines: of the head, where there is one."""
    for modules in (_head(system, network), [network]):
        layers = [layer for module in modules for layer in _of_vectors(module)]
        if layers and len(layers[-1].weight) == _outputs(system):
            return layers[-1]
    raise UserError("the network has no last layer of vectors, so there is nothing to embed by; take another model")


def _head(system: "Neural", network: "nn.Module") -> "list[nn.Module]":
    """What is tuned as the head: other layers may be made after it."""
    from pipeline.systems.training.tuning import part_modules

    try:
        return part_modules(system.body(network), "head", system.parts)
    except UserError:
        return []


def _of_vectors(module: "nn.Module") -> "list[nn.Linear | CosineClassifier]":
    """The layers in a module that map vectors."""
    from torch import nn

    from pipeline.systems.layers.am_softmax import CosineClassifier

    return [layer for layer in module.modules() if isinstance(layer, nn.Linear | CosineClassifier)]
