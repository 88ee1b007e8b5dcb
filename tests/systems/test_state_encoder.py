"""HuMP-CAT's convolution of hidden states, whose step over the dims is taken as channels."""

import pytest
import torch

from pipeline.systems.hump_cat import StateEncoder


@pytest.mark.parametrize("dims", [18, 19, 20, 21, 64])
def test_states_are_convolved_as_one_channel(dims):
    encoder, x = StateEncoder(dims, 8), torch.randn(2, 37, dims)
    found, expected = encoder._convolved(x), encoder.convolution(x[:, None])
    assert torch.allclose(found, expected, atol=1e-6)
    weight = encoder.convolution.weight
    (gradient,), (wanted,) = (torch.autograd.grad(y.square().sum(), weight) for y in (found, expected))
    assert torch.allclose(gradient, wanted, rtol=1e-4, atol=1e-4)
