"""The convolutional encoder of raw waveforms, as in wav2vec (Schneider et al. 2019), exact under padding."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

KERNELS = (10, 3, 3, 3, 3, 2, 2)
STRIDES = (5, 2, 2, 2, 2, 2, 2)


def receptive_field() -> int:
    """Samples that one frame sees: 400, 25 ms at 16 kHz."""
    field, step = 1, 1
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        field += (kernel - 1) * step
        step *= stride
    return field


def hop() -> int:
    """Samples from one frame to the next: 320, 20 ms at 16 kHz."""
    return math.prod(STRIDES)


def frame_counts(samples: Tensor) -> Tensor:
    """Frames of waveforms of these lengths; shorter than the receptive field, a waveform is extended to 1 frame."""
    samples = samples.clamp(min=receptive_field())
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples


class WaveformCNN(nn.Module):
    """Seven one-dimensional convolutions without bias, GELU, group norm after the first: 400 samples wide, hop 320.

    The convolutions are not padded, so a frame sees its own samples only. The group norm, one group a channel, takes
    its statistics over each utterance's own frames; zeros appended to a waveform so change none of its frames.
    Weights start Kaiming normal, as in the code of Zheng (2024).

    Args:
        channels: of every convolution; 512 in the paper.
    """

    def __init__(self, channels: int = 512) -> None:
        super().__init__()
        self.dims = channels
        widths = (1, *[channels] * len(KERNELS))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, channels, kernel, stride, bias=False)
            for before, kernel, stride in zip(widths, KERNELS, STRIDES, strict=False)
        )
        for layer in self.convolutions:
            nn.init.kaiming_normal_(layer.weight)  # type: ignore[arg-type]
        self.norm_weight = nn.Parameter(torch.ones(channels))
        self.norm_bias = nn.Parameter(torch.zeros(channels))

    def forward(self, wave: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Encode waveforms (batch, samples), valid where `valid` (batch, samples).

        Returns:
            (batch, frames, channels), and (batch, frames) true for frames of valid samples only.
        """
        lengths = valid.sum(dim=1).clamp(min=receptive_field())
        wave = F.pad(wave.masked_fill(~valid, 0), (0, max(0, receptive_field() - wave.shape[1])))
        hidden = self.convolutions[0](wave[:, None])
        counts = (lengths - KERNELS[0]) // STRIDES[0] + 1
        hidden = F.gelu(self._norm(hidden, counts))
        for layer in self.convolutions[1:]:
            hidden = F.gelu(layer(hidden))
        frames = torch.arange(hidden.shape[2], device=wave.device) < frame_counts(lengths)[:, None]
        return hidden.transpose(1, 2), frames

    def _norm(self, hidden: Tensor, counts: Tensor) -> Tensor:
        """Group norm of (batch, channels, frames), each row over its first `counts` frames."""
        own = (torch.arange(hidden.shape[2], device=hidden.device) < counts[:, None])[:, None].to(hidden.dtype)
        count = counts[:, None, None].to(hidden.dtype)
        mean = (hidden * own).sum(dim=2, keepdim=True) / count
        centred = (hidden - mean) * own
        variance = centred.square().sum(dim=2, keepdim=True) / count
        scale = self.norm_weight[:, None] * torch.rsqrt(variance + 1e-5)
        return centred * scale + self.norm_bias[:, None]


class WaveformFrames(nn.Module):
    """Frames of the samples themselves, 400 wide every 320: what `WaveformCNN`'s frames see, with nothing learnt."""

    dims = receptive_field()

    def forward(self, wave: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Cut waveforms (batch, samples) into (batch, frames, 400); also which frames are of valid samples only."""
        wave = F.pad(wave.masked_fill(~valid, 0), (0, max(0, receptive_field() - wave.shape[1])))
        hidden = wave.unfold(1, receptive_field(), hop())
        counts = frame_counts(valid.sum(dim=1))
        return hidden, torch.arange(hidden.shape[1], device=wave.device) < counts[:, None]
