"""How much a torch module computes."""

from collections.abc import Callable

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def operation_count(compute: Callable[[], object]) -> int:
    """Floating-point operations of matrix products, convolutions and attention; those of recurrent layers are left out.

    A multiplication and an addition are two. Attention is computed by its products, because torch counts nothing for
    the fused kernels that a CPU has for it: so the count depends on shapes alone, and not on the device.

    Args:
        compute: runs the module, without gradients.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            compute()
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return int(counter.get_total_flops())
