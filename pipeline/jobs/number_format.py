"""Proof that a number format below float32 computes here what float32 does.

Which kernel a layer runs is the processor's choice, and some kernels are wrong: oneDNN's grouped convolution in
bfloat16, on processors with AMX, where a group has few channels; PyTorch's issues 163347 and 169688 are others. Other
processors lack a kernel, such as that of an LSTM in bfloat16 without AVX-512.
"""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.jobs.torch_errors import lower_format

LAYER = 0.05
"""largest error of one layer, as a share of the norm of its values; rounding to bfloat16 makes 0.003 to 0.013"""
NETWORK = 0.1
"""largest error of a whole network; rounding to bfloat16 makes 0.003 to 0.02"""

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.RNNBase, nn.MultiheadAttention)

Call = tuple[nn.Module, tuple[Any, ...], dict[str, Any]]


def check_near(
    said: str, what: str, exact: Iterable[Tensor], lower: Callable[[], Iterable[Tensor]], most: float = LAYER
) -> None:
    """Refuse a number format whose values are not near float32's.

    Args:
        said: the param with its value, for the error.
        what: the values, for the error.
        exact: in float32.
        lower: computes the same in the lower format.
        most: largest norm of a difference, as a share of the norm of float32's.

    Raises:
        UserError: the lower format cannot be computed here, or not rightly.
    """
    with lower_format(said):
        found = [*lower()]
    for one, other in zip(found, exact, strict=True):
        off = float((one.float() - other).norm() / other.norm().clamp(min=torch.finfo(torch.float32).tiny))
        if not off <= most:  # nor if it is no number
            raise UserError(f"{said} is wrong on this machine: {what} are off by {100 * off:.0f} %; use float32")


def check_network(said: str, network: nn.Module, run: Callable[[], Tensor], kind: str, dtype: torch.dtype) -> None:
    """Refuse a number format in which a network, or the backward pass of one of its layers, is not near float32's.

    The layers are those that the network runs in the lower format. Each is tried on noise of the shape it takes:
    gradients of the network as a whole may differ, as half precision may choose another largest value.

    Args:
        said: the param with its value, for the error.
        network: left as it is, and so is the random state.
        run: gives the network's output, from the same input each time.
        kind: type of the device.
        dtype: the lower format.

    Raises:
        UserError: it cannot be computed here, or not rightly.
    """
    calls: dict[str, Call] = {}

    def lower() -> list[Tensor]:
        with torch.autocast(kind, dtype):
            return [run()]

    training = network.training
    hooks = [m.register_forward_hook(_keeper(calls, kind), with_kwargs=True) for m in network.modules()]
    try:
        network.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            check_near(said, "the network's outputs", [run()], lower, NETWORK)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    for call in calls.values():
        _check_layer(said, call, kind, dtype)


def _keeper(calls: dict[str, Call], kind: str) -> Callable[..., None]:
    """A hook that keeps a call of each sort of layer that is run in a lower format."""

    def keep(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], _output: Any) -> None:
        if isinstance(layer, _LAYERS) and torch.is_autocast_enabled(kind):
            shapes = [tuple(value.shape) for value in args if isinstance(value, Tensor)]
            calls.setdefault(f"{layer} of {shapes}", (layer, args, kwargs))

    return keep


def _check_layer(said: str, call: Call, kind: str, dtype: torch.dtype) -> None:
    """Compare the outputs and gradients of a layer, of noise."""
    layer, args, kwargs = deepcopy(call[0]).train(), call[1], call[2]
    if hasattr(layer, "dropout"):
        setattr(layer, "dropout", 0.0)  # noqa: B010 - which layers have one is not in the types
    noise = torch.Generator().manual_seed(0)
    inputs = [_like(value, noise) for value in args]
    wanted = [x for x in (*inputs, *layer.parameters()) if isinstance(x, Tensor) and x.requires_grad]
    with torch.enable_grad():
        exact = _output(layer(*inputs, **kwargs))
        upstream = torch.randn(exact.shape, generator=noise).to(exact.device)
        gradients = torch.autograd.grad(exact, wanted, upstream)

        def lower() -> Sequence[Tensor]:
            with torch.autocast(kind, dtype):
                found = _output(layer(*inputs, **kwargs))
            return [found.detach(), *torch.autograd.grad(found, wanted, upstream.to(found.dtype))]

        check_near(said, f"the values of {type(layer).__name__}", [exact.detach(), *gradients], lower)


def _like(value: Any, noise: torch.Generator) -> Any:
    """Noise in place of numbers, the same for masks and the like."""
    if not (isinstance(value, Tensor) and value.is_floating_point()):
        return value
    return torch.randn(value.shape, generator=noise).to(value.device).requires_grad_()


def _output(found: Any) -> Tensor:
    value: Tensor = found[0] if isinstance(found, tuple) else found
    return value
