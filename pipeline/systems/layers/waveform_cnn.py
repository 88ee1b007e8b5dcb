"""The convolutional encoder of raw waveforms, as in wav2vec (Schneider et al. 2019), exact under padding."""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

KERNELS = (10, 3, 3, 3, 3, 2, 2)
STRIDES = (5, 2, 2, 2, 2, 2, 2)

Norm = Literal["group", "layer"]


def receptive_field(layers: int = len(KERNELS)) -> int:
    """Samples that one frame sees: 400, 25 ms at 16 kHz, of all layers; 240 of six."""
    field, step = 1, 1
    for kernel, stride in _geometry(layers):
        field += (kernel - 1) * step
        step *= stride
    return field


def hop(layers: int = len(KERNELS)) -> int:
    """Samples from one frame to the next: 320, 20 ms at 16 kHz, of all layers; 160 of six."""
    return math.prod(STRIDES[:layers])


def frame_counts(samples: Tensor, layers: int = len(KERNELS)) -> Tensor:
    """Frames of waveforms of these lengths; shorter than the receptive field, a waveform is extended to 1 frame."""
    samples = samples.clamp(min=receptive_field(layers))
    for kernel, stride in _geometry(layers):
        samples = (samples - kernel) // stride + 1
    return samples


def _geometry(layers: int) -> list[tuple[int, int]]:
    """Kernel and stride of the first `layers` convolutions."""
    return list(zip(KERNELS, STRIDES, strict=True))[:layers]


class WaveformCNN(nn.Module):
    """One-dimensional convolutions without bias, each followed by GELU: seven are 400 samples wide, with a hop of 320.

    The convolutions are not padded, so a frame sees its own samples only. The group norm, one group a channel, follows
    the first convolution and takes its statistics over each utterance's own frames; zeros appended to a waveform so
    change none of its frames. Layer norms follow every convolution, and take theirs over the channels of each frame.
    Weights start Kaiming normal, as in the code of Zheng (2024).

    Args:
        channels: of every convolution; 512 in the paper.
        layers: how many convolutions, the first ones of `KERNELS`; all in the author's code, six in the text.
        norm: `group`, as in the code, or `layer`, as in the text.
    """

    def __init__(self, channels: int = 512, layers: int = len(KERNELS), norm: Norm = "group") -> None:
        super().__init__()
        self.dims = channels
        widths = (1, *[channels] * layers)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, channels, kernel, stride, bias=False)
            for before, (kernel, stride) in zip(widths, _geometry(layers), strict=False)
        )
        for layer in self.convolutions:
            nn.init.kaiming_normal_(layer.weight)  # type: ignore[arg-type]
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(layers if norm == "layer" else 0))
        if not self.norms:
            self.norm_weight = nn.Parameter(torch.ones(channels))
            self.norm_bias = nn.Parameter(torch.zeros(channels))

    def forward(self, wave: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Encode waveforms (batch, samples), valid where `valid` (batch, samples).

        Returns:
            (batch, frames, channels), and (batch, frames) true for frames of valid samples only.
        """
        layers = len(self.convolutions)
        field = receptive_field(layers)
        lengths = valid.sum(dim=1).clamp(min=field)
        hidden = F.pad(wave.masked_fill(~valid, 0), (0, max(0, field - wave.shape[1])))[:, None]
        for number, convolution in enumerate(self.convolutions):
            hidden = F.gelu(self._normalised(convolution(hidden), number, lengths))
        frames = torch.arange(hidden.shape[2], device=wave.device) < frame_counts(lengths, layers)[:, None]
        return hidden.transpose(1, 2), frames

    def _normalised(self, hidden: Tensor, number: int, lengths: Tensor) -> Tensor:
        """The output (batch, channels, frames) of a convolution, normalised as it is to be after that one."""
        if self.norms:
            normalised: Tensor = self.norms[number](hidden.transpose(1, 2)).transpose(1, 2)
            return normalised
        return hidden if number else self._group_norm(hidden, (lengths - KERNELS[0]) // STRIDES[0] + 1)

    def _group_norm(self, hidden: Tensor, counts: Tensor) -> Tensor:
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
