"""The names in feature files of hidden states: of each layer's stream, and of the model with random weights."""

from typing import TYPE_CHECKING

from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.storage.source import Source

TINY = "tiny"
"""The name of the built-in backbone with seeded random weights. It is for plumbing: its states mean nothing."""


def stream_name(layer: int) -> str:
    """The stream of a layer's hidden states: `layer_01`, `layer_09`, ..."""
    return f"layer_{layer:02d}"


def layer_number(stream: str) -> int:
    """The layer whose hidden states a stream holds: 9 of `layer_09`."""
    return int(stream.removeprefix("layer_"))


def layer_stream(source: "Source", layer: int) -> str:
    """The stream of a feature file, or of what stands for one, that holds a layer's hidden states.

    Raises:
        UserError: it lacks the layer.
    """
    stream = stream_name(layer)
    if stream not in source.streams:
        raise UserError(f"{source.label}: has no {stream}; add the layer to the embedding's layers")
    return stream
