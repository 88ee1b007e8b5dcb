"""What systems ask of hidden states, as far as the params of embeddings and the sizes of their models tell."""

from collections.abc import Iterator, Sequence

from pipeline.features.ssl.streams import listed
from pipeline.systems.demands import Feature, Features


def unkept_layers(features: Features, param: str, wanted: Sequence[int]) -> Iterator[str]:
    """Layers that the embedding does not keep, or that its model does not have.

    Args:
        features: of the experiment.
        param: of the system, which names the layers.
        wanted: what it names.
    """
    embedding = features["ssl"]
    depth, kept = embedding.blocks, _kept(embedding)
    lacking = [layer for layer in wanted if kept is not None and layer not in kept]
    if not lacking or kept is None:
        return
    beyond = depth is not None and lacking[0] > depth
    add = "" if beyond else f", or add {lacking[0]} to embeddings.{embedding.name}.layers"
    yield (
        f"params.{param}: the embedding {embedding.name!r} has no layer {lacking[0]}, but {listed(kept)}; choose "
        f"{param} among these{add}"
    )


def _kept(embedding: Feature) -> Sequence[int] | None:
    """The layers of an embedding; None where `all` are kept of a model that is not here."""
    layers = embedding.get("layers")
    if layers != "all":
        return tuple(layers)
    return None if embedding.blocks is None else range(embedding.blocks + 1)


def untrainable_blocks(features: Features, layer: int, count: int | None = None) -> Iterator[str]:
    """Why there are no blocks after a cached layer, or not so many, as far as the model is here.

    Args:
        features: of the experiment.
        layer: that is cached.
        count: blocks that are to be trained; None for all.
    """
    embedding = features["ssl"]
    depth = embedding.blocks
    if depth is None or layer > depth:
        return
    if depth == layer:
        last = f"the last of the embedding {embedding.name!r}"
        yield f"params.layer: no block comes after layer {layer}, {last}; set layer to a lower one"
    elif count is not None and layer + count != depth:
        yield (
            f"params.top_blocks: {depth - layer} blocks come after layer {layer} of embedding {embedding.name!r}, not "
            f"{count}; set layer to {max(0, depth - count)}, or top_blocks to {depth - layer}"
        )


def pooled_states(features: Features, reader: str) -> Iterator[str]:
    """Hidden states that are one row an utterance, where frames are wanted.

    Args:
        features: of the experiment.
        reader: what wants them, for the error.
    """
    embedding = features["ssl"]
    if (pool := embedding.get("pool")) != "none":
        yield (
            f"ssl: the embedding {embedding.name!r} is pooled to a row an utterance (pool: {pool}), and {reader} takes "
            "frames; name one with pool: none"
        )
