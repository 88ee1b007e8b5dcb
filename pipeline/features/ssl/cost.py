"""What a speech encoder costs, as far as it is run. Operations are counted by shapes alone, so nothing is computed."""

from collections import Counter
from itertools import chain

import torch
from torch import Tensor
from torch.func import functional_call

from pipeline.features.ssl.batches import Encoder, cut
from pipeline.jobs.operation_count import operation_count


def parameter_count(encoder: Encoder) -> int:
    """Number of parameters of what is run: not of blocks, norms and heads after the last layer kept."""
    return sum(parameter.numel() for part in encoder.parts for parameter in part.parameters())


def operations(encoder: Encoder, samples: int, size: int, context: int) -> int:
    """Floating-point operations on an utterance by itself; a multiplication and an addition are two.

    Args:
        encoder: the model, without the blocks that are not needed.
        samples: of the utterance.
        size: longest window, see `batches.cut` (samples).
        context: see there (samples).
    """
    windows = cut(samples, size, context, encoder.hop, encoder.frames)
    costs = Counter(encoder.cost(window.stop - window.start) for window in windows)
    return sum(count * _pass(encoder, cost) for cost, count in costs.items())


def _pass(encoder: Encoder, samples: int) -> int:
    """A forward pass over `samples` samples; tensors of the meta device have a shape and no values."""
    network, shape = encoder.network, encoder.shape(samples)
    tensors = chain(network.named_parameters(), network.named_buffers())
    blank = {name: _blank(tensor) for name, tensor in tensors}
    return operation_count(lambda: functional_call(network, blank, (torch.empty(shape, device="meta"),)))


def _blank(tensor: Tensor) -> Tensor:
    """Its shape; in single precision, as those of weights that are rounded to less differ from their inputs'."""
    return tensor.to("meta", torch.float32 if tensor.is_floating_point() else tensor.dtype)
