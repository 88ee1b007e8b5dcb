"""Kernels chosen by the processor give what torch's own do, whatever the processor is."""

import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import linear  # noqa: E402
from torch.nn.functional import scaled_dot_product_attention as fused  # noqa: E402
from torch.profiler import ProfilerActivity, profile  # noqa: E402

from pipeline.jobs import kernels  # noqa: E402

FRAMES = 30
COUNTS = [30, 17, 1]


def states(shape, dtype=torch.bfloat16, seed=0):
    """Queries, keys and values as blocks of `transformers` give them."""
    batch, heads, frames, dims = shape
    noise = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, frames, heads, dims, generator=noise).to(dtype).transpose(1, 2) for _ in range(3)]


def of_keys(counts, queries):
    return (torch.arange(FRAMES) < torch.tensor(counts)[:, None])[:, None, None].expand(-1, -1, queries, -1)


def mask_of(kind):
    """None; of keys, as `transformers` makes them, for one query or expanded; of each query; of each head, too."""
    if kind in (None, 1, FRAMES):
        return None if kind is None else of_keys(COUNTS, kind)
    noise = torch.Generator().manual_seed(3)
    heads = 4 if kind == "heads" else 1
    return (torch.rand(3, heads, FRAMES, FRAMES, generator=noise) < 0.5) | torch.eye(FRAMES, dtype=torch.bool)


MASKS = [None, 1, FRAMES, "queries", "heads"]


@pytest.mark.parametrize("scores", [1, FRAMES * 7, 2 * FRAMES**2, 5 * FRAMES**2, 1 << 22])
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("scale", [None, 0.3])
def test_it_is_torchs_however_many_scores_are_held_at_once(monkeypatch, scores, kind, scale):
    monkeypatch.setattr(kernels, "SCORES", scores)
    lower, mask = states((3, 4, FRAMES, 8)), mask_of(kind)
    with kernels.AttentionByHeads():
        found = fused(*lower, attn_mask=mask, scale=scale)
    assert torch.equal(found, kernels.attention_by_heads(*lower, mask, scale))
    exact = fused(*(one.float() for one in lower), attn_mask=mask, scale=scale)
    assert (found.dtype, found.shape) == (torch.bfloat16, exact.shape)
    assert float((found.float() - exact).norm() / exact.norm()) < 0.01
    torch.testing.assert_close(found.float(), exact, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("rows", [7, FRAMES, 100])
def test_long_attention_is_torchs(monkeypatch, rows, kind):
    monkeypatch.setattr(kernels, "QUERIES", rows)
    monkeypatch.setattr(kernels, "LONG", FRAMES)
    given, taken, long_attention = states((3, 4, FRAMES, 8), torch.float32), [], kernels.long_attention
    monkeypatch.setattr(kernels, "long_attention", lambda *each: taken.append(each) or long_attention(*each))
    mask = mask_of(kind)
    with torch.no_grad(), kernels.ProductsByOneDNN():
        found = fused(*given, attn_mask=mask)
        fused(*(one[:, :, 1:] for one in given))
    torch.testing.assert_close(found, fused(*given, attn_mask=mask), rtol=1e-5, atol=1e-5)
    assert len(taken) == 1  # of the longer one alone
    with kernels.ProductsByOneDNN():
        fused(*(one.requires_grad_() for one in given))
    assert len(taken) == 1


def test_keys_that_are_not_attended_to_change_nothing():
    lower, other = states((3, 4, FRAMES, 8)), states((3, 4, FRAMES, 8), seed=1)
    mask = of_keys(COUNTS, 1)
    padded = [torch.where(mask.transpose(2, 3), one, 1000 * noise) for one, noise in zip(lower, other, strict=True)]
    query = lower[0]
    found = kernels.attention_by_heads(query, *lower[1:], mask)
    assert torch.equal(found, kernels.attention_by_heads(query, *padded[1:], mask))


def test_a_batch_is_each_by_itself():
    lower = states((3, 4, FRAMES, 8))
    found = kernels.attention_by_heads(*lower, of_keys(COUNTS, FRAMES))
    for row, count in enumerate(COUNTS):
        alone = kernels.attention_by_heads(*(one[row : row + 1, :, :count] for one in lower))
        torch.testing.assert_close(found[row : row + 1, :, :count], alone, rtol=0.02, atol=0.01)


OTHERS = {
    "float32": ({}, torch.float32),
    "a bias": (
        {"attn_mask": torch.linspace(-1, 1, FRAMES**2).reshape(1, 1, FRAMES, FRAMES).bfloat16()},
        torch.bfloat16,
    ),
    "causal": ({"is_causal": True}, torch.bfloat16),
    "no batch": ({}, None),
    "no frames": ({}, FRAMES),
    "a mask without heads": ({"attn_mask": torch.ones(FRAMES, FRAMES, dtype=torch.bool).tril()}, torch.bfloat16),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_calls_of_other_kinds_stay_torchs(kind, monkeypatch):
    monkeypatch.setattr(kernels, "attention_by_heads", lambda *_: pytest.fail("taken"))
    options, dtype = OTHERS[kind]
    given = states((2, 4, FRAMES, 8), dtype if isinstance(dtype, torch.dtype) else torch.bfloat16)
    given = [one[0] if dtype is None else one[:, :, FRAMES:] if dtype == FRAMES else one for one in given]
    wanted = fused(*given, **options)
    with kernels.AttentionByHeads():
        assert torch.equal(fused(*given, **options), wanted)


def test_calls_by_name_are_taken():
    query, key, value = states((2, 4, FRAMES, 8))
    with kernels.AttentionByHeads():
        found = fused(query=query, key=key, value=value)
    assert torch.equal(found, kernels.attention_by_heads(query, key, value))


@pytest.mark.parametrize(
    ("capabilities", "slow"),
    [
        ({"avx512_bf16": True, "amx_bf16": True}, False),
        ({"avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False}, False),
        ({"bf16": True}, False),
    ],
)
def test_attention_by_heads_is_for_processors_with_avx512_bf16_and_without_amx(monkeypatch, capabilities, slow):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert isinstance(kernels.fastest(torch.bfloat16, "cpu"), kernels.AttentionByHeads) is slow
    assert not isinstance(kernels.fastest(torch.float16, "cpu"), kernels.AttentionByHeads)
    assert not isinstance(kernels.fastest(torch.bfloat16, "cuda"), kernels.AttentionByHeads)


@pytest.mark.parametrize(
    ("maker", "capability", "slow"),
    [
        ("AuthenticAMD", "AVX512", True),
        ("AuthenticAMD", "AVX2", False),
        ("GenuineIntel", "AVX512", False),
        ("", "AVX512", False),
    ],
)
def test_linear_layers_by_onednn_are_for_amds_processors_with_avx512(monkeypatch, maker, capability, slow):
    monkeypatch.setattr(kernels, "_maker", lambda: maker)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert isinstance(kernels.fastest(torch.float32, "cpu"), kernels.ProductsByOneDNN) is slow
    assert not isinstance(kernels.fastest(torch.float32, "cuda"), kernels.ProductsByOneDNN)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX")
    assert not isinstance(kernels.fastest(torch.float32, "cpu"), kernels.ProductsByOneDNN)


def test_portable_arithmetic_has_torchs_own_kernels(monkeypatch):
    monkeypatch.setattr(kernels, "_fused_is_slow", lambda: True)
    monkeypatch.setattr(kernels, "_mkl_is_slow", lambda: True)
    monkeypatch.setattr(kernels, "is_portable", lambda: True)
    for dtype in (torch.float32, torch.bfloat16):
        assert not isinstance(kernels.fastest(dtype, "cpu"), kernels.ProductsByOneDNN | kernels.AttentionByHeads)


def test_the_maker_is_read_of_the_processor():
    path = Path("/proc/cpuinfo")
    said = re.search(r"^vendor_id\s*: (\w+)$", path.read_text() if path.exists() else "", re.MULTILINE)
    assert kernels._maker() == (said[1] if said else "" if path.exists() else kernels._maker())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 48), (3, 7, 48), (2, 1500, 48)])
def test_linear_layers_by_onednn_are_linear_layers(shape, bias):
    noise = torch.Generator().manual_seed(0)
    given, weight = torch.randn(shape, generator=noise), torch.randn(96, 48, generator=noise)
    added = torch.randn(96, generator=noise) if bias else None
    with torch.inference_mode(), kernels.ProductsByOneDNN():
        found = linear(given, weight, added)
    torch.testing.assert_close(found, linear(given, weight, added), rtol=1e-5, atol=1e-4)


@pytest.fixture
def calls(monkeypatch):
    """How many products oneDNN made."""
    found, by_onednn = [], kernels.by_onednn
    monkeypatch.setattr(kernels, "by_onednn", lambda *given: found.append(given) or by_onednn(*given))
    return found


def gradients(given, weight, bias, of):
    """Of a loss that weighs what a layer gives, or sums it up; by what has one."""
    leaves = [one.detach().requires_grad_(one.requires_grad) for one in (given, weight, bias) if one is not None]
    found = linear(leaves[0].transpose(0, 1) if of == "transposed" else leaves[0], *leaves[1:])
    loss = found.sum() if of == "sum" else (found * torch.linspace(-1, 1, found.numel()).reshape(found.shape)).sum()
    loss.backward()
    return [found, *(one.grad for one in leaves if one.requires_grad)]


@pytest.mark.parametrize("of", ["weighed", "sum", "transposed"])
@pytest.mark.parametrize("learned", [(True, True, True), (False, True, True), (True, False, False), (True, True, None)])
@pytest.mark.parametrize("shape", [(20, 48), (3, 7, 48), (2, 5, 3, 48), (48, 48)])
@pytest.mark.parametrize("columns", [1, 96])
def test_gradients_by_onednn_are_torchs(monkeypatch, calls, of, learned, shape, columns):
    shape = shape[::-1] if of == "transposed" and len(shape) == 2 else shape
    monkeypatch.setattr(kernels, "LARGE", 0)
    noise = torch.Generator().manual_seed(0)
    values = [torch.randn(size, generator=noise) for size in (shape, (columns, 48), (columns,))]
    values = [None if one is None else value.requires_grad_(one) for one, value in zip(learned, values, strict=True)]
    wanted = gradients(*values, of)
    assert not calls
    with kernels.ProductsByOneDNN():
        found = gradients(*values, of)
    assert len(calls) == 1 + sum(map(bool, learned[:2]))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def kept(layer, given):
    """Bytes that a layer keeps for its gradients."""
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda one: sizes.append(one.nbytes) or one, lambda one: one):
        layer(given)
    return sum(sizes)


@pytest.mark.parametrize("learns", ["weight", "given", "both"])
def test_what_no_gradient_needs_is_not_kept(monkeypatch, calls, learns):
    monkeypatch.setattr(kernels, "LARGE", 0)
    layer, given = torch.nn.Linear(48, 96), torch.ones(200, 48, requires_grad=learns != "weight")
    layer.requires_grad_(learns != "given")
    wanted = kept(layer, given)
    with kernels.ProductsByOneDNN():
        assert kept(layer, given) == wanted
    assert len(calls) == 1


def test_a_row_alone_has_gradients(monkeypatch, calls):
    monkeypatch.setattr(kernels, "LARGE", 0)
    layer, given = torch.nn.Linear(8, 4), torch.arange(8.0, requires_grad=True)
    with kernels.ProductsByOneDNN():
        layer(given).sum().backward()
    assert len(calls) == 3
    torch.testing.assert_close(given.grad, layer.weight.detach().sum(dim=0))
    torch.testing.assert_close(layer.weight.grad, given.detach().expand(4, 8))


def test_small_linear_layers_that_are_trained_or_in_other_formats_stay_torchs(calls):
    layer, given = torch.nn.Linear(8, 4), torch.ones(2, 8)
    with kernels.ProductsByOneDNN():
        layer(given).sum().backward()
        with torch.no_grad():
            for dtype in (torch.float64, torch.bfloat16):
                assert layer.to(dtype)(given.to(dtype)).dtype == dtype
            assert layer.float()(given[:0]).shape == (0, 4)
    assert layer.weight.grad is not None
    assert not calls


@pytest.mark.parametrize(
    ("weight", "bias", "taken"),
    [
        (torch.ones(4, 16)[:, :8], None, 0),
        (torch.ones(4, 8), None, 1),
        (torch.ones(4, 8), torch.arange(4.0), 1),
        (torch.ones(4, 8), torch.arange(8.0)[::2], 0),
        (torch.ones(4, 8), torch.tensor([7.0]).expand(4), 0),
        (torch.ones(4, 8), torch.tensor([7.0]), 0),
        (torch.ones(8), None, 0),
    ],
)
def test_weights_or_biases_that_onednn_does_not_take_stay_torchs(weight, bias, taken):
    given = torch.arange(16.0).reshape(2, 8)
    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU]) as seen, kernels.ProductsByOneDNN():
        found = linear(given, weight, bias)
    torch.testing.assert_close(found, linear(given, weight, bias))
    assert sum(event.count for event in seen.key_averages() if event.key == "mkldnn::_linear_pointwise") == taken
