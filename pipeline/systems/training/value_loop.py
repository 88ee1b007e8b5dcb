"""The training loop of numbers: that of classes, but for what is said of an epoch and what picks the one kept."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.utils import to_numpy
from torch import Tensor, nn

from pipeline.systems.layers.concordance import concordance
from pipeline.systems.training.batches import Batches
from pipeline.systems.training.loop import TrainingLoop, loop_options
from pipeline.systems.training.params import TrainingParams


class ValueLoop(TrainingLoop, NeuralNetRegressor):
    """The training of a regressor."""


class _Concordance(Callback):
    """After each epoch, `valid_ccc`: of the whole validation part, as batches have too few utterances; over targets."""

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget the epoch before."""
        self.predicted: list[Tensor] = []
        self.truth: list[Tensor] = []

    def on_batch_end(self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any) -> None:
        """Keep what a validation batch gave."""
        if not training:
            self.predicted.append(kwargs["y_pred"].detach().double().cpu())
            self.truth.append(batch[1].double().cpu())

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Say how it agrees."""
        if self.truth:
            found = concordance(torch.cat(self.predicted), torch.cat(self.truth))
            net.history.record("valid_ccc", float(np.mean(to_numpy(found))))


def make_value_loop(
    network: nn.Module,
    criterion: nn.Module,
    settings: TrainingParams,
    seed: int,
    device: str,
    train: Batches | None = None,
    held_out: Batches | None = None,
    on_epoch: Callable[[], None] = lambda: None,
    still: Sequence[nn.Module] = (),
) -> ValueLoop:
    """The loop that trains `network` on `train`; `held_out` picks the epoch kept, or is watched (`settings.stop`).

    The history has each epoch's train_loss, and valid_loss and valid_ccc after the epoch.
    """
    scores = [("concordance", _Concordance())]
    options = loop_options(settings, seed, device, train, held_out, on_epoch, scores)
    return ValueLoop(network, criterion=criterion, predict_nonlinearity=None, still=still, **options)
