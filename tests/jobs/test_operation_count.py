"""Operations are counted by shapes, whichever kernels a device has for them."""

import pytest
import torch
from torch import nn

from pipeline.jobs.operation_count import operation_count

BATCH, FRAMES, DIMS = 2, 10, 32
ATTENTION = 2 * BATCH * FRAMES * DIMS * DIMS * 4 + 2 * BATCH * FRAMES * FRAMES * DIMS * 2
"""of four products with weights and two of frames with frames"""


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_attention_in_evaluation_mode_is_counted_by_hand(device, masked):
    attention = nn.MultiheadAttention(DIMS, 4, batch_first=True, device=device).eval()
    x = torch.zeros(BATCH, FRAMES, DIMS, device=device)
    padded = torch.zeros(BATCH, FRAMES, dtype=torch.bool, device=device) if masked else None
    assert operation_count(lambda: attention(x, x, x, padded, need_weights=False)) == ATTENTION


def test_the_usual_kernels_are_back_afterwards():
    fast = torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(ZeroDivisionError):
        operation_count(lambda: 1 // 0)
    assert torch.backends.mha.get_fastpath_enabled() == fast
