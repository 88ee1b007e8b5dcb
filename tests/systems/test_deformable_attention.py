"""Deformable speech attention against a slow loop that follows the equations and the authors' rules, word by word."""

import math

import pytest
import torch

from pipeline.systems.layers.deformable_attention import DeformableAttention, window_weights

BATCH, TOKENS, DIMS, HEADS, SCALE = 3, 11, 16, 4, 9
LENGTHS = torch.tensor([11, 6, 1])
VALID = torch.arange(TOKENS) < LENGTHS[:, None]


def make(weighting="multiply", spread=0.7, seed=0, **changes):
    """A layer whose windows differ from token to token, as after training."""
    torch.manual_seed(seed)
    layer = DeformableAttention(DIMS, HEADS, SCALE, weighting=weighting, initial_widths=(0.6, 4.0), **changes).eval()
    torch.nn.init.normal_(layer.window.weight, std=spread)
    return layer


def slowly(layer, x, lengths):
    """One batch row, head, query and key at a time, in plain numbers."""
    found = torch.zeros_like(x)
    size = DIMS // HEADS
    for row, length in enumerate(lengths.tolist()):
        q, k, v = layer.qkv(x[row]).split(DIMS, dim=1)
        predicted = layer.window(q)
        mixed = torch.zeros(x.shape[1], DIMS)
        for head in range(HEADS):
            own = slice(head * size, (head + 1) * size)
            for i in range(x.shape[1]):
                offset = math.tanh(predicted[i, head]) * layer.scale
                width = layer.scale / (1 + math.exp(-predicted[i, HEADS + head]))
                anchor = min(max(i + offset, 0), length - 1)
                start, end = anchor - width, anchor + width
                exponents = {}
                for j in range(math.floor(start), math.ceil(end) + 1):
                    if not 0 <= j < length:
                        continue
                    weight = 1.0
                    if j == math.floor(start):
                        weight -= start - math.floor(start)
                    if j == math.ceil(end):
                        weight -= math.ceil(end) - end
                    if abs(j - anchor) < 1:
                        weight += 1 - abs(j - anchor)
                    logit = float(q[i, own] @ k[j, own]) / math.sqrt(size)
                    exponents[j] = logit * weight if layer.weighting == "multiply" else logit + math.log(weight)
                total = sum(math.exp(value) for value in exponents.values())
                for j, value in exponents.items():
                    mixed[i, own] += math.exp(value) / total * v[j, own]
        found[row] = layer.out(mixed)
    return found


@pytest.mark.parametrize("weighting", ["multiply", "additive"])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_what_a_loop_over_windows_gives(weighting, seed):
    layer = make(weighting, seed=seed)
    x = torch.randn(BATCH, TOKENS, DIMS)
    with torch.no_grad():
        found, wanted = layer(x, VALID), slowly(layer, x, LENGTHS)
    torch.testing.assert_close(found[VALID], wanted[VALID], atol=2e-6, rtol=1e-5)


def test_the_two_weightings_differ_and_the_default_multiplies():
    x = torch.randn(BATCH, TOKENS, DIMS)
    multiply, additive = make("multiply")(x, VALID), make("additive")(x, VALID)
    assert (multiply - additive).abs().max() > 1e-3
    assert DeformableAttention(DIMS, HEADS, SCALE).weighting == "multiply"


def test_weights_by_hand():
    # Anchor 2.25, half-width 1.5: the window is [0.75, 3.75].
    weights, inside = window_weights(torch.tensor(2.25), torch.tensor(1.5), 6)
    assert inside.tolist() == [True, True, True, True, True, False]
    torch.testing.assert_close(weights[:5], torch.tensor([0.25, 1.0, 1.75, 1.25, 0.75]))
    # On whole numbers the edges and the anchor are single tokens: an edge weighs 1, the anchor 2.
    weights, inside = window_weights(torch.tensor(2.0), torch.tensor(1.0), 5)
    assert inside.tolist() == [False, True, True, True, False]
    torch.testing.assert_close(weights[1:4], torch.tensor([1.0, 2.0, 1.0]))


def test_weights_are_continuous_where_a_window_takes_in_another_token():
    widths = torch.linspace(0.5, 2.5, 4001, dtype=torch.float64)
    weights, inside = window_weights(torch.full_like(widths, 2.3), widths, 6)
    effective = torch.where(inside, weights, 0)
    assert effective.diff(dim=0).abs().max() < 1.001 * (widths[1] - widths[0])


def test_anchors_stay_inside_the_utterance_and_no_window_is_empty():
    layer = make(spread=5.0)
    x = 3 * torch.randn(BATCH, TOKENS, DIMS)
    query = layer.qkv(x)[..., :DIMS]
    anchor, width = layer.windows(query, VALID)
    last = (LENGTHS - 1)[:, None, None]
    assert (anchor >= 0).all()
    assert (anchor <= last).all()
    assert (anchor[0] == 0).any()  # some were clamped
    assert (anchor[0] == TOKENS - 1).any()
    _, inside = window_weights(anchor, width, TOKENS)
    assert (inside & VALID[:, None, None]).any(dim=-1).all()
    assert layer(x, VALID).isfinite().all()


def test_windows_learn():
    layer = make().train()
    layer(torch.randn(BATCH, TOKENS, DIMS), VALID)[VALID].square().sum().backward()
    assert (layer.window.bias.grad.abs() > 1e-6).all()  # every head's offset and width
    assert (layer.window.weight.grad.abs().sum(dim=1) > 1e-6).all()


@pytest.mark.parametrize("weighting", ["multiply", "additive"])
def test_the_gradient_of_offsets_and_widths_is_that_of_finite_differences(weighting):
    layer = make(weighting).double()
    x = torch.randn(BATCH, TOKENS, DIMS, dtype=torch.float64)

    def loss():
        return layer(x, VALID)[VALID].square().sum()

    loss().backward()
    step = 1e-7
    for place in range(2 * HEADS):
        with torch.no_grad():
            layer.window.bias[place] += step
            above = loss()
            layer.window.bias[place] -= 2 * step
            below = loss()
            layer.window.bias[place] += step
        assert float((above - below) / (2 * step)) == pytest.approx(
            float(layer.window.bias.grad[place]), rel=1e-3, abs=1e-5
        )


def test_before_training_windows_are_centred_and_heads_see_50_ms_to_1_s():
    layer = DeformableAttention(1024, 8, 149)
    anchor, width = layer.windows(torch.randn(2, 149, 1024), torch.ones(2, 149, dtype=torch.bool))
    torch.testing.assert_close(anchor, torch.arange(149.0).expand(2, 8, 149))
    torch.testing.assert_close(width[0, :, 0], torch.linspace(1.25, 25, 8), rtol=1e-4, atol=0)  # of 20 ms, either side
    assert (width == width[:1, :, :1]).all()


@pytest.mark.parametrize("weighting", ["multiply", "additive"])
def test_padding_changes_nothing(weighting):
    layer = make(weighting)
    x = torch.randn(BATCH, TOKENS, DIMS)
    with torch.no_grad():
        together = layer(x, VALID)
        louder = layer(torch.where(VALID[..., None], x, 1e3), VALID)
        for row, length in enumerate(LENGTHS.tolist()):
            alone = layer(x[row : row + 1, :length], VALID[row : row + 1, :length])
            torch.testing.assert_close(together[row, :length], alone[0], atol=1e-6, rtol=0)
    torch.testing.assert_close(together[VALID], louder[VALID], atol=1e-6, rtol=0)


def test_a_short_sequence_has_the_windows_of_a_long_one():
    layer = make()
    x = torch.randn(1, TOKENS, DIMS)
    query = layer.qkv(x)[..., :DIMS]
    long = layer.windows(query, torch.ones(1, TOKENS, dtype=torch.bool))
    short = layer.windows(query[:, :7], torch.ones(1, 7, dtype=torch.bool))
    torch.testing.assert_close(short[1], long[1][..., :7])
    torch.testing.assert_close(short[0], long[0][..., :7].clamp(max=6))


def test_bfloat16_leaves_windows_their_fractions():
    """Half precision would round an anchor at frame 130 to a whole frame, and an edge so, too."""
    layer = make()
    query, valid = torch.randn(2, 149, DIMS), torch.ones(2, 149, dtype=torch.bool)
    exact = layer.windows(query, valid)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer.windows(query, valid)
    for one, other in zip(exact, found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
