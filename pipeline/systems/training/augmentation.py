"""Augmentation of batches while training: SpecAugment's masks and mixup. All draws are torch's own generator's."""

import torch
from torch import Tensor, nn

from pipeline.systems.training.params import MASKED


def spec_augment(batch: dict[str, Tensor], network: nn.Module, time: int, frequency: int, masks: int) -> None:
    """Hide spans of frames and of bands (Park et al. 2019, without the time warp), in place.

    Each utterance gets `masks` spans of either kind, 0 to `time` frames or `frequency` bands long, and there the value
    that the network's standardisation takes to 0.
    """
    for name in MASKED:
        if name not in batch:
            continue
        x = batch[name]
        count, frames, bands = x.shape
        hidden = torch.zeros(x.shape, dtype=torch.bool, device=x.device)
        for _ in range(masks):
            if time:
                hidden |= _spans(count, frames, time)[:, :, None].to(x.device)
            if frequency:
                hidden |= _spans(count, bands, frequency)[:, None, :].to(x.device)
        layers = getattr(network, "standardize", {})
        mean = layers[name].mean if name in layers else torch.zeros(bands, device=x.device)
        if f"{name}_valid" in batch:
            hidden &= batch[f"{name}_valid"][..., None]
        batch[name] = torch.where(hidden, mean.expand_as(x), x)


def _spans(count: int, length: int, longest: int) -> Tensor:
    """(count, length): True on one span of 0 to `longest` places in each row."""
    width = torch.randint(0, min(longest, length) + 1, (count, 1))
    start = (torch.rand(count, 1) * (length - width + 1)).long()
    place = torch.arange(length)
    return (place >= start) & (place < start + width)


def mixup(batch: dict[str, Tensor], alpha: float) -> tuple[float, Tensor]:
    """Replace each utterance by share * itself + (1 - share) * another, in place (Zhang et al. 2018).

    A frame is valid where it is in either of the two.

    Returns:
        The share, drawn from Beta(alpha, alpha), and the order that says who was mixed in, (batch,).
    """
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    order = torch.randperm(len(next(iter(batch.values()))))
    for name, x in batch.items():
        other = x[order.to(x.device)]
        batch[name] = x | other if x.dtype == torch.bool else share * x + (1 - share) * other
    return share, order
