"""The names in feature files of hidden states: of each layer's stream, and of the model with random weights."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.storage.source import Source

LAYER = re.compile(r"layer_\d+")
"""a stream of hidden states"""

TINY = "tiny"
"""The name of the built-in backbone with seeded random weights. It is for plumbing: its states mean nothing."""


def stream_name(layer: int) -> str:
    """The stream of a layer's hidden states: `layer_01`, `layer_09`, ..."""
    return f"layer_{layer:02d}"


def layer_number(stream: str) -> int:
    """The layer whose hidden states a stream holds: 9 of `layer_09`."""
    return int(stream.removeprefix("layer_"))


def listed(layers: Sequence[int]) -> str:
    """Layers as people list them: `layer 9`, `layers 1 and 9`, `layers 0 to 12`."""
    if len(layers) < 2:
        return f"layer {layers[0]}" if layers else "none"
    if len(layers) > 2 and layers[-1] - layers[0] == len(layers) - 1:
        return f"layers {layers[0]} to {layers[-1]}"
    return f"layers {', '.join(map(str, layers[:-1]))} and {layers[-1]}"


def layer_stream(source: "Source", layer: int, param: str = "layer") -> str:
    """The stream of a feature file, or of what stands for one, that holds a layer's hidden states.

    Args:
        source: the file, or what stands for it.
        layer: the layer's number.
        param: of the system, which named the layer; for the error.

    Raises:
        UserError: it lacks the layer.
    """
    stream = stream_name(layer)
    if stream not in source.streams:
        there = sorted(layer_number(name) for name in source.streams if LAYER.fullmatch(name))
        raise UserError(
            f"{source.label}: has no layer {layer}, but {listed(there)}; choose the experiment's param {param} among "
            f"these, or add {layer} to the embedding's layers, if its model has so many"
        )
    return stream
