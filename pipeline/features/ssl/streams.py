"""The names in feature files of hidden states: of each layer's stream, and of the model with random weights."""

from typing import TYPE_CHECKING

from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.storage.feature_file import FeatureFile

TINY = "tiny"
"""The name of the built-in backbone with seeded random weights. It is for plumbing: its states mean nothing."""


def stream_name(layer: int) -> str:
    """The stream of a layer's hidden states: `layer_01`, `layer_09`, ..."""
    return f"layer_{layer:02d}"


def layer_stream(file: "FeatureFile", layer: int) -> str:
    """The stream of a feature file that holds a layer's hidden states.

    Raises:
        UserError: the file lacks the layer.
    """
    stream = stream_name(layer)
    if stream not in file.streams:
        raise UserError(f"{file.path}: has no {stream}; add the layer to the embedding's layers")
    return stream
