"""DPCNN, the deep pyramid convolutional network (Johnson & Zhang 2017), over frames as in Yu et al. 2024."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class DPCNN(nn.Module):
    """(batch, frames, mels) -> (batch, channels).

    A region convolution of 3 frames by all mel bands; two pre-activation convolutions with a residual; then, until
    at most 2 frames are left, max-pooling (3, stride 2) and two such convolutions with a residual; at last the maximum.

    Args:
        frames: length of the input, which fixes the number of blocks; at least 3.
        mels: width of the input.
        channels: 250 in the paper.
        shared: use one convolution's weights everywhere, as the authors' code does.
    """

    def __init__(self, frames: int = 224, mels: int = 224, channels: int = 250, shared: bool = False) -> None:
        super().__init__()
        self.dims = channels
        self.region = nn.Conv1d(mels, channels, 3)
        length, blocks = frames - 2, 1
        while length > 2:
            length = length // 2
            blocks += 1
        own = 1 if shared else 2 * blocks
        self.convolutions = nn.ModuleList(nn.Conv1d(channels, channels, 3, padding=1) for _ in range(own))
        self.blocks = blocks

    def levels(self, x: Tensor) -> list[Tensor]:
        """What each block puts out, (batch, channels, length): of 224 frames 222, 111, 55, 27, 13, 6, 3 and 1."""
        x = self.region(x.transpose(1, 2))
        own = len(self.convolutions)
        found = []
        for block in range(self.blocks):
            if block:
                x = F.max_pool1d(F.pad(x, (0, 1)), 3, 2)
            inner = self.convolutions[2 * block % own](F.relu(x))
            x = x + self.convolutions[(2 * block + 1) % own](F.relu(inner))
            found.append(x)
        return found

    def sequence(self, x: Tensor) -> Tensor:
        """The frames of all levels, finest first, (batch, 438 of 224 frames, channels).

        The last level alone is 1 or 2 frames, which is nothing to attend to; so none of the pyramid is left out.
        """
        return torch.cat(self.levels(x), dim=2).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, frames, mels) as (batch, channels)."""
        return self.levels(x)[-1].amax(dim=2)
