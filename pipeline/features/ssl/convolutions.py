"""The convolutional encoder of wav2vec 2.0-like models over a ragged batch, such that padding never changes a frame.

The convolutions are not padded, so only a normalisation over time could mix an utterance with its padding. Base models
have one, a group norm of each channel after the first convolution. What it needs, the mean and variance of that
convolution's output, is a linear and a quadratic form of the weights: with m and C the mean and covariance of the
windows that the convolution sees, channel c has mean w_c m and variance w_c C w_c. So the statistics are found before
the convolution, over any utterance, however it is cut, and the norm is a scale and a shift of each channel.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.arithmetic import exact_sqrt
from pipeline.audio.samples import Signal, slices

TILE, HALF_TILE = 100, 50
"""Frames convolved at a time, with weights of single and of half precision: memory for more is neither in a CPU's cache
nor kept for the next call."""

_BLOCK = 100_000


@dataclass(frozen=True)
class Moments:
    """Of the windows of a waveform that the first convolution sees: mean (kernel,), covariance (kernel, kernel)."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


def moments(wave: Signal, kernel: int, stride: int) -> Moments:
    """Moments of all windows of `kernel` samples, every `stride`, of a waveform of `kernel` samples or more."""
    offset = _mean(wave)  # taken off first, so that a large one costs no digits
    count = (len(wave) - kernel) // stride + 1
    total, squares = np.zeros(kernel), np.zeros((kernel, kernel))
    for start in range(0, count, _BLOCK):
        last = min(start + _BLOCK, count) - 1
        samples = wave[start * stride : last * stride + kernel]
        block = np.lib.stride_tricks.sliding_window_view(samples, kernel)[::stride] - offset
        total += block.sum(axis=0)
        squares += block.T @ block
    mean = total / count
    return Moments(mean + offset, squares / count - np.outer(mean, mean))


def _mean(wave: Signal) -> np.float64:
    """In numpy's type, which makes what it is taken off double, too."""
    if isinstance(wave, np.ndarray):
        return np.float64(wave.mean(dtype=np.float64))
    return np.float64(sum(block.sum(dtype=np.float64) for block in slices(wave, _BLOCK)) / len(wave))


def convolve(
    extractor: Any, batch: Tensor, lengths: Sequence[int], whole: Sequence[Moments] | None, tiled: bool
) -> Tensor:
    """Features of a padded batch, (batch, frames, channels); those of padding mean nothing.

    Args:
        extractor: the convolutional encoder of a `transformers` model.
        batch: waveforms (batch, samples), float32.
        lengths: samples of each that are real.
        whole: of each utterance, `moments` of the first convolution's windows; None if no norm over time follows it.
        tiled: whether each utterance is convolved by itself, some frames at a time: on a CPU that is faster.
    """
    first, rest = extractor.conv_layers[0], extractor.conv_layers[1:]
    scale, shift = _fold(first, whole, batch.device) if whole is not None else (None, None)
    if not tiled:
        return _through(rest, _first(first, batch, scale, shift)).transpose(1, 2)
    kernels = [(layer.conv.kernel_size[0], layer.conv.stride[0]) for layer in extractor.conv_layers]
    tile = TILE if extractor.conv_layers[-1].conv.weight.dtype == torch.float32 else HALF_TILE
    rows = []
    for i, length in enumerate(lengths):
        mine = (None, None) if scale is None or shift is None else (scale[i : i + 1], shift[i : i + 1])
        tiles = [
            _through(rest, _first(first, batch[i : i + 1, start:stop], *mine))
            for start, stop in _tiles(length, kernels, tile)
        ]
        rows.append(torch.cat(tiles, dim=-1)[0].T)
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)


def normalises_over_time(extractor: Any) -> bool:
    """Whether the first convolution's output is normalised over time."""
    return isinstance(getattr(extractor.conv_layers[0], "layer_norm", None), nn.GroupNorm)


def _fold(layer: Any, whole: Sequence[Moments], device: torch.device) -> tuple[Tensor, Tensor]:
    """The group norm as scale and shift of the convolution's output without its bias: (batch, channels, 1) each."""
    weight = layer.conv.weight[:, 0].cpu().double()
    mean = torch.stack([weight @ torch.from_numpy(one.mean) for one in whole])
    variance = torch.stack([((weight @ torch.from_numpy(one.covariance)) * weight).sum(dim=1) for one in whole])
    norm = layer.layer_norm
    scale = norm.weight.cpu().double() / exact_sqrt(variance.clamp(min=0) + norm.eps)
    shift = norm.bias.cpu().double() - scale * mean
    return scale.float().to(device)[..., None], shift.float().to(device)[..., None]


def _first(layer: Any, batch: Tensor, scale: Tensor | None, shift: Tensor | None) -> Tensor:
    """The first layer: (batch, samples) -> (batch, channels, frames), in single precision."""
    with torch.autocast(batch.device.type, enabled=False):
        if scale is None or shift is None:
            hidden: Tensor = layer(batch[:, None])
            return hidden
        conv, wave = layer.conv, batch[:, None]
        if len(batch) == 1:
            hidden = nn.functional.conv1d(wave, conv.weight * scale[0][:, None], shift[0, :, 0], conv.stride)
        else:
            hidden = torch.addcmul(shift, nn.functional.conv1d(wave, conv.weight, None, conv.stride), scale)
        activated: Tensor = layer.activation(hidden)
        return activated


def _through(layers: nn.ModuleList, hidden: Tensor) -> Tensor:
    for layer in layers:
        hidden = layer(hidden)
    return hidden


def _tiles(length: int, kernels: Sequence[tuple[int, int]], tile: int) -> Iterator[tuple[int, int]]:
    """Samples (start, stop) that `tile` frames at a time see, of an utterance of `length` samples."""
    count, field, hop = length, 1, 1
    for kernel, stride in kernels:
        count = (count - kernel) // stride + 1
        field += (kernel - 1) * hop
        hop *= stride
    for frame in range(0, count, tile):
        yield frame * hop, (min(frame + tile, count) - 1) * hop + field
