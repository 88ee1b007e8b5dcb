"""How large a network may become while it is made for weights that are there already: as large as these."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

from torch import Tensor

from pipeline.jobs.network_size import largest_network

SPARE_TENSORS = 1 << 10
SPARE_VALUES = 1 << 22
"""beyond those of the weights: files of another small network are refused by its names and shapes, which says more"""

PRETRAINED_TENSORS = 1 << 12
PRETRAINED_VALUES = 1 << 30
"""of a pretrained model that a network takes parts of: the largest ones have about as many"""


def filled_by(weights: Mapping[str, Tensor], pretrained: bool) -> AbstractContextManager[None]:
    """Refuse to make a network that these weights cannot fill, before its memory is taken.

    The params of a network may come from a stranger, and say that it has a layer of any width, or any number of layers.

    Args:
        weights: all that are to be loaded.
        pretrained: whether parts of a pretrained model are loaded as well.

    Raises:
        ValueError: the network has many more parameters.
    """
    tensors = 2 * len(weights) + SPARE_TENSORS + pretrained * PRETRAINED_TENSORS
    values = 2 * sum(weight.numel() for weight in weights.values()) + SPARE_VALUES + pretrained * PRETRAINED_VALUES
    return largest_network(tensors, values)
