"""Where the vectors of hidden states have their layers, and which layers params name."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.features.ssl.streams import layer_number, layer_stream
from pipeline.systems.demands import Features
from pipeline.systems.functionals import FloatArray, vectors
from pipeline.systems.state_demands import unkept_layers
from pipeline.systems.view import View

Layers = tuple[int, ...]
Columns = NDArray[np.int64]

NO_STATES = "needs hidden states; give the probe an embedding as ssl, or leave layers out"
"""of layers that are named where there are none"""


def named_layers(layers: str | int | list[int]) -> Layers | None:
    """The layers that a param names by their numbers; None for a word."""
    if isinstance(layers, str):
        return None
    return (layers,) if isinstance(layers, int) else tuple(layers)


def check_layers(layers: Any, words: tuple[str, ...]) -> None:
    """Refuse what is neither one of some words, nor a layer, nor layers in their order.

    Raises:
        ValueError: it is not.
    """
    given = layers if isinstance(layers, list) else [layers]
    whole = [layer for layer in given if type(layer) is int and layer >= 0]
    if layers not in words and (not given or given != sorted(set(whole))):
        *first, last = words
        raise ValueError(f"must be a layer, several of them from 0 on, ascending, or {', '.join(first)} or {last}")


def unmet_layers(features: Features, layers: str | int | list[int]) -> Iterator[str]:
    """Hidden states where their layers are chosen among, and the layers that are named; see `SystemParams`."""
    if "ssl" not in features:
        if layers != "all":
            yield f"params.layers: {layers} {NO_STATES}"
    elif named := named_layers(layers):
        yield from unkept_layers(features, "layers", named)


def every_layer(X: View) -> Layers:
    """The layers that X has; none without hidden states."""
    return tuple(layer_number(stream) for stream in X.streams("ssl")) if has_layers(X) else ()


def has_layers(X: View) -> bool:
    """Whether X has hidden states."""
    return "ssl" in X.roles and X.source("ssl").header.extractor == "ssl"


def layer_width(X: View) -> int:
    """Columns of a layer; 0 where there are none."""
    return vectors(X[[0]].only(["ssl"])).shape[1] // len(X.streams("ssl")) if has_layers(X) else 0


def columns_among(X: View, every: Layers, layers: Layers) -> Columns:
    """Where the columns of some layers, and of the other features, are among those of all."""
    places = np.argsort(layer_columns(X, every))
    return np.asarray(places[layer_columns(X, layers)])


def chosen_columns(table: FloatArray, columns: Columns) -> FloatArray:
    """Columns of a table (N, dims), row by row in memory; the table itself where they are all of it, in its order."""
    if np.array_equal(columns, np.arange(table.shape[1])):
        return table
    return np.ascontiguousarray(table[:, columns])


def layer_columns(X: View, layers: Layers) -> Columns:
    """Where the vectors of X have these layers, and after them the other features.

    Raises:
        UserError: X lacks a layer.
    """
    start = 0
    found: list[Columns] = []
    for role in X.roles:
        width = vectors(X[[0]].only([role])).shape[1]
        own = np.arange(start, start + width)
        if role == "ssl" and has_layers(X):
            streams = X.streams(role)
            blocks = dict(zip(streams, own.reshape(len(streams), -1), strict=True))
            named = [layer_stream(X.source(role), layer, "layers") for layer in layers]
            found.insert(0, np.concatenate([own[:0], *(blocks[stream] for stream in named)]))
        else:
            found.append(own)
        start += width
    return np.concatenate(found)
