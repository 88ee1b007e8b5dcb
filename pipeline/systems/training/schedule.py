"""Learning-rate schedules: a factor for every batch, so that warm-up is smooth however few epochs there are."""

import math
from collections.abc import Callable
from functools import partial

from pipeline.systems.training.params import TrainingParams


def factor(settings: TrainingParams, batches: int) -> Callable[[int], float]:
    """What multiplies `learning_rate` at the n-th batch of the training, from 0.

    Within warm-up it rises linearly, and reaches 1 at its end. The schedule itself moves from epoch to epoch: step
    multiplies by `step_factor` every `step_epochs`, cosine falls to 0 after `epochs`.

    Args:
        settings: the training's params.
        batches: batches in an epoch.
    """
    return partial(_factor, settings, batches)  # which can be pickled, as a trained system may be


def _factor(settings: TrainingParams, batches: int, batch: int) -> float:
    warmup, epoch = settings.warmup_epochs * batches, batch // batches
    rise = min(1.0, (batch + 1) / (warmup + 1)) if warmup else 1.0
    if settings.schedule == "step":
        return rise * float(settings.step_factor ** (epoch // settings.step_epochs))
    if settings.schedule == "cosine":
        return rise * (1 + math.cos(math.pi * epoch / settings.epochs)) / 2
    return rise
