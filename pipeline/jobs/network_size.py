"""A bound on the parameters of networks while they are made, before their memory is taken."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook


@contextmanager
def largest_network(tensors: int, values: int) -> Iterator[None]:
    """Refuse to make networks of more parameters than these in the block.

    Args:
        tensors: how many there may be.
        values: how many numbers these may have, all together.

    Raises:
        ValueError: a network has more.
    """

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal tensors, values
        tensors -= 1
        values -= 0 if parameter is None else parameter.numel()
        if tensors < 0 or values < 0:
            raise ValueError("the params are of a much larger network")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()
