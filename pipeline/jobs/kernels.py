"""Kernels that are faster than those torch chooses, on processors which it does not know well.

MKL, which multiplies in float32, leaves AVX-512 unused where the maker is not Intel; oneDNN does not. And torch's fused
attention in bfloat16 multiplies small blocks, for which oneDNN has products with AMX alone: without it they take as
long as in float32, and those of whole heads do not. Their scores are rounded to bfloat16, as those of `transformers`'
`eager` attention are, and fit in the processor's cache a few heads at a time.

Which are taken depends on the processor alone. Portable arithmetic does without them.
"""

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear, scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from pipeline.arithmetic import is_portable

AMD = "AuthenticAMD"
"""what its processors say of their maker"""

SCORES = 1 << 22
"""of queries and keys that are held at once in bfloat16: 8 MB"""

LONG = 500
"""frames of an utterance (10 s) from which on its attention takes less time by oneDNN: of 1500, two thirds"""
QUERIES = 256
"""of these whose scores are held at once: with 128 it takes a tenth more time, with 512 twice as much"""

LARGE = 4 * 10**7
"""multiplications of a product from which on oneDNN is faster where it is trained, though each batch has another length
and so needs new kernels; those of one length gain from a quarter of it"""

Call = tuple[Tensor, Tensor, Tensor, Tensor | None, float | None]
"""queries, keys, values, mask and scale, as `attention_by_heads` takes them"""


def fastest(dtype: torch.dtype, kind: str) -> AbstractContextManager[Any]:
    """While it is entered, products in a number format on a type of device are the fastest; see the module."""
    if kind == "cpu" and not is_portable():
        if dtype == torch.bfloat16 and _fused_is_slow():
            return AttentionByHeads()
        if dtype == torch.float32 and _mkl_is_slow():
            return ProductsByOneDNN()
    return nullcontext()


def has_amx() -> bool:
    """Whether the processor multiplies tiles in bfloat16; false where torch does not tell."""
    return _capable("amx_bf16")


def _fused_is_slow() -> bool:
    """Whether the processor has products in bfloat16 that torch's fused attention does not use."""
    return _capable("avx512_bf16") and not has_amx()


def _capable(name: str) -> bool:
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get(name, False))


def _mkl_is_slow() -> bool:
    """Whether the processor has AVX-512 that MKL does not use, and oneDNN does."""
    wide = torch.backends.cpu.get_cpu_capability() == "AVX512" and "ONEDNN_MAX_CPU_ISA" not in os.environ
    known = torch.backends.mkl.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    return wide and known and torch.backends.mkldnn.is_available() and _maker() == AMD


@cache
def _maker() -> str:
    """Who made the processor, as it says; "" where the system does not tell."""
    try:
        with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as file:
            lines = file.read(1 << 12).splitlines()
    except OSError:
        return platform.processor().rpartition(" ")[2]  # of Windows: its maker comes last
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")), "")


class ProductsByOneDNN(TorchFunctionMode):
    """While it is entered, oneDNN makes the products of linear layers, and of long attention, in float32.

    Where there are gradients, those of large linear layers alone, and of their gradients; never those inside of torch's
    `MultiheadAttention`, which it calls without asking. No backward pass is in the mode, so that networks which compute
    anew there (`torch.utils.checkpoint`) cannot be trained in it.
    """

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """See torch."""
        kwargs = kwargs or {}
        if function is linear and not kwargs and _is_for_onednn(*args):
            if not torch.is_grad_enabled():
                return by_onednn(*args)
            if args[0].numel() * len(args[1]) >= LARGE:
                given, weight, bias = (*args, None)[:3]
                return LinearByOneDNN.apply(given, weight, bias)
        if function is scaled_dot_product_attention and not torch.is_grad_enabled():
            call = _plain(torch.float32, *args, **kwargs)
            if call is not None and call[0].shape[2] >= LONG:
                return long_attention(*call)
        return function(*args, **kwargs)


class LinearByOneDNN(torch.autograd.Function):
    """`by_onednn`, whose gradients are products by oneDNN too."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """See `by_onednn`."""
        of_given, of_weight, _ = ctx.needs_input_grad  # a frozen layer keeps nothing of what it was given
        ctx.save_for_backward(given if of_weight else None, weight if of_given else None)
        return by_onednn(given, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of what was given, of the weight and of the bias; None for one that nobody asks for.

        Args:
            ctx: what `forward` kept.
            slope: the gradient of what it gave, (..., columns).
        """
        given, weight = ctx.saved_tensors
        of_given, of_weight, of_bias = ctx.needs_input_grad
        rows = slope.reshape(-1, slope.shape[-1])
        return (
            by_onednn(slope, weight.t()) if of_given else None,
            by_onednn(rows.t(), given.reshape(-1, given.shape[-1]).contiguous().t()) if of_weight else None,
            rows.sum(dim=0) if of_bias else None,
        )


class AttentionByHeads(TorchFunctionMode):
    """While it is entered, `attention_by_heads` takes the place of torch's attention where that is in bfloat16."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """See torch."""
        kwargs = kwargs or {}
        if function is scaled_dot_product_attention:
            call = _plain(torch.bfloat16, *args, **kwargs)
            if call is not None:
                return attention_by_heads(*call)
        return function(*args, **kwargs)


def _is_for_onednn(given: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    """Whether oneDNN has a kernel that is right and fast.

    Of weights with gaps between rows it has one that is a thousand times as slow, and gaps in a bias it does not see.
    """
    if bias is not None and not (
        bias.dtype == torch.float32 and bias.is_contiguous() and bias.shape == weight.shape[:1]
    ):
        return False
    alike = given.dtype == weight.dtype == torch.float32
    return alike and given.numel() > 0 and weight.dim() == 2 and weight.is_contiguous()


def _plain(
    dtype: torch.dtype,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Call | None:
    """A call of torch's attention that is in a number format, and can be made otherwise; None where it cannot."""
    if dropout_p or is_causal or enable_gqa or query.dim() != 4 or not query.numel():
        return None
    if attn_mask is not None and not (attn_mask.dtype == torch.bool and attn_mask.dim() == 4):
        return None
    alike = {one.dtype for one in (query, key, value)} == {dtype} and query.shape == key.shape == value.shape
    return (query, key, value, attn_mask, scale) if alike else None


def by_onednn(given: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`given @ weight.T + bias` of (..., inner) and (columns, inner)."""
    found: Tensor = torch.ops.mkldnn._linear_pointwise(given, weight, bias, "none", [], "")
    return found


def attention_by_heads(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, scale: float | None = None
) -> Tensor:
    """Scaled dot-product attention, several heads at once, or some queries of a long one.

    Args:
        query: (batch, heads, frames, dims).
        key: the same shape.
        value: the same shape.
        mask: (batch or 1, heads or 1, frames or 1, frames), true where a query attends to a key, to one at least; None
            for everywhere.
        scale: of the scores; 1 / sqrt(dims) by default.

    Returns:
        (batch, heads, frames, dims), in the number format given.
    """
    frames = query.shape[2]
    many, rows = max(1, SCORES // frames**2), max(1, min(frames, SCORES // frames))
    keys, values = key.flatten(0, 1), value.flatten(0, 1).transpose(1, 2)
    return _attend(query, keys, values, mask, scale, (many, rows), lambda left, right: left @ right.transpose(1, 2))


def long_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, scale: float | None = None
) -> Tensor:
    """The same in float32, some queries of a head at once; see `attention_by_heads`."""
    keys, values = key.flatten(0, 1).contiguous(), value.flatten(0, 1).transpose(1, 2).contiguous()
    return _attend(
        query, keys, values, mask, scale, (1, QUERIES), lambda left, right: by_onednn(left[0], right[0])[None]
    )


def _attend(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    scale: float | None,
    step: tuple[int, int],
    product: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """Attention of so many heads and queries at a time, by a product of (some, rows, inner) and (some, columns, inner).

    Keys are (batch * heads, frames, dims), values (batch * heads, dims, frames).
    """
    batch, heads, frames, dims = query.shape
    queries = (query * (dims**-0.5 if scale is None else scale)).flatten(0, 1)
    unseen = None if mask is None else _unseen(mask).expand(batch, heads, -1, -1)
    found = torch.empty_like(queries)
    for some, rows in _steps(batch * heads, frames, *step):
        scores = product(queries[some, rows], keys[some])
        if unseen is not None:
            own = torch.arange(some.start, some.stop)
            several = rows if unseen.shape[2] > 1 else slice(None)
            scores.masked_fill_(unseen[own // heads, own % heads, several], torch.finfo(scores.dtype).min)
        found[some, rows] = product(torch.softmax(scores, dim=-1), values[some])
    return found.unflatten(0, (batch, heads))


def _unseen(mask: Tensor) -> Tensor:
    """What a mask hides; of one that is the same for all queries, once for all."""
    return ~(mask[:, :, :1] if mask.stride(2) == 0 else mask)


def _steps(heads: int, frames: int, many: int, rows: int) -> Iterator[tuple[slice, slice]]:
    for first in range(0, heads, many):
        for start in range(0, frames, rows):
            yield slice(first, min(first + many, heads)), slice(start, min(start + rows, frames))
