"""The residual convolution block of the spectrogram branch (Wei et al. 2025, section III.D)."""

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with batch norm, a 1 x 1 skip, ReLU, and 2 x 2 max-pooling (odd edges dropped)."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
        )
        self.skip = nn.Conv2d(channels_in, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels_in, height, width) -> (batch, channels, height // 2, width // 2)."""
        return F.max_pool2d(F.relu(self.body(x) + self.skip(x)), 2)
