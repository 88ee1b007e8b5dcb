"""Parts of networks as they are of one utterance alone, where there is nothing to mask: what a trace can follow."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pipeline.serving.onnx.states import passed
from pipeline.systems.layers.frame_convolution import FrameConvolutions
from pipeline.systems.layers.positions import SinusoidalPositions, sinusoids
from pipeline.systems.layers.ssl_top_blocks import TopBlocks


class PlainConvolutions(nn.Module):
    """`FrameConvolutions` of frames that are all valid."""

    def __init__(self, trained: FrameConvolutions) -> None:
        super().__init__()
        self.convolutions, self.pool = trained.convolutions, trained.pool
        for number, norm in enumerate(trained.norms):
            scale, shift = _scale_and_shift(norm)
            self.register_buffer(f"scale_{number}", scale)
            self.register_buffer(f"shift_{number}", shift)

    def forward(self, x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """(1, frames, dims) -> (1, fewer frames, channels), and that all of these are valid."""
        x = x.transpose(1, 2)
        for number, convolution in enumerate(self.convolutions):
            scale, shift = getattr(self, f"scale_{number}"), getattr(self, f"shift_{number}")
            x = F.max_pool1d(F.relu(convolution(x) * scale + shift), self.pool, ceil_mode=True)
        frames = x.transpose(1, 2)
        return frames, all_valid(frames)


def _scale_and_shift(norm: Any) -> tuple[Tensor, Tensor]:
    """A batch norm in evaluation mode, (channels, 1) each."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    shift = norm.bias - scale * norm.running_mean
    return scale.detach()[:, None], shift.detach()[:, None]


class PlainBlocks(nn.Module):
    """`TopBlocks` of frames that are all valid."""

    def __init__(self, top: TopBlocks) -> None:
        super().__init__()
        self.blocks, self.norm, self.position = top.blocks, top.norm, top.position

    def forward(self, hidden: Tensor, valid: Tensor) -> Tensor:
        """(1, frames, hidden size) -> the last hidden state, of the same shape."""
        position: Any = self.position
        bias = None if position is None else position.compute_bias(hidden.shape[1], hidden.shape[1])
        states = passed(self.blocks, hidden, bias)
        last: Tensor = self.norm(states[-1] if states else hidden)
        return last


def unmasked(network: nn.Module, frames: int) -> nn.Module:
    """A copy of a trained network for one utterance at a time.

    Args:
        network: as its system made it.
        frames: the most that it will be given, for positions that grow with what comes.
    """
    found = copy.deepcopy(network).eval().requires_grad_(False)
    for parent in [*found.modules()]:
        for name, child in [*parent.named_children()]:
            if isinstance(child, FrameConvolutions):
                setattr(parent, name, PlainConvolutions(child))
            elif isinstance(child, TopBlocks):
                setattr(parent, name, PlainBlocks(child))
            elif isinstance(child, SinusoidalPositions):
                child.table = sinusoids(max(frames, len(child.table)), child.dims)
    return found


def all_valid(rows: Tensor) -> Tensor:
    """The mask (batch, frames) of rows (batch, frames, dims) that are all an utterance's own."""
    return torch.ones_like(rows[..., 0], dtype=torch.bool)
