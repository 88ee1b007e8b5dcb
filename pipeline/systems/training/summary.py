"""How much a network computes."""

from typing import Any

from torch import Tensor, nn

from pipeline.jobs.operation_count import operation_count


def operations(network: nn.Module, batch: dict[str, Tensor]) -> int:
    """Floating-point operations of a forward pass: those of matrix products, convolutions, attention and recurrence.

    A multiplication and an addition count as two.
    """
    recurrent = 0

    def count(module: Any, args: tuple[Any, ...], _output: Any) -> None:
        nonlocal recurrent
        x = args[0]
        steps = len(x.data) if isinstance(x, nn.utils.rnn.PackedSequence) else x.shape[0] * x.shape[1]
        weights = sum(w.numel() for name, w in module.named_parameters() if name.startswith("weight"))
        recurrent += 2 * steps * weights

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.RNNBase)]
    training = network.training
    try:
        products = operation_count(lambda: network.eval()(**batch))
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return products + recurrent
