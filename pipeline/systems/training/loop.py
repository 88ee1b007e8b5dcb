"""The training loop: skorch's, with accumulated gradients, SpecAugment, mixup and reduced precision."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet, NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping, LRScheduler, PassthroughScoring
from skorch.helper import predefined_split
from skorch.utils import to_tensor
from torch import Tensor, nn

from pipeline.arithmetic import is_portable
from pipeline.errors import UserError
from pipeline.jobs.kernels import fastest
from pipeline.jobs.number_format import check_network
from pipeline.jobs.torch_errors import lower_format
from pipeline.systems.training.augmentation import mixup, spec_augment
from pipeline.systems.training.batches import Batches
from pipeline.systems.training.params import TrainingParams
from pipeline.systems.training.schedule import factor

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


class TrainingLoop(NeuralNet):
    """skorch's training; `settings` says how gradients are accumulated and batches augmented.

    The modules in `still` stay in evaluation mode: no dropout, and statistics of batch norm as they were.
    """

    def __init__(
        self,
        *args: Any,
        settings: TrainingParams,
        batches: int = 0,
        still: Sequence[nn.Module] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.settings = settings
        self.batches = batches
        self.still = still
        self._proven = False

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any) -> "TrainingLoop":
        """Train. skorch's own takes Ctrl-C for the end of training, and half a training must not pass for a whole."""
        if not self.initialized_:
            self.initialize()
        self.notify("on_train_begin", X=X, y=y)
        with suppress(_EnoughError):
            self.fit_loop(X, y, **fit_params)
        self.notify("on_train_end", X=X, y=y)
        return self

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """One batch, and the optimizer's step when `accumulate` of them, or the epoch's last ones, are together."""
        every = self.settings.accumulate
        number = len(self.history[-1, "batches"]) - 1
        first = number - number % every
        if number == first:
            self.optimizer_.zero_grad()
        step: dict[str, Any] = self._backward(batch, min(every, self.batches - first))
        if number + 1 in (first + every, self.batches):
            self.notify("on_grad_computed", named_parameters=[*self.module_.named_parameters()], batch=batch)
            self.optimizer_.step()
        return step

    def infer(self, x: Any, **fit_params: Any) -> Tensor:
        """Logits of a batch, in the settings' precision; they are float32.

        Raises:
            UserError: of the first batch, the precision does not give here what float32 gives.
        """
        said, kind = self._lower(), torch.device(self.device).type
        if said and not self._proven:
            check_network(said, self.module_, lambda: super(TrainingLoop, self).infer(x), kind, torch.bfloat16)
            self._proven = True
        with lower_format(said), torch.autocast(kind, torch.bfloat16, enabled=bool(said)), self._kernels():
            logits: Tensor = super().infer(x, **fit_params)
        return logits.float()

    def _set_training(self, training: bool = True) -> None:
        super()._set_training(training)
        for module in self.still:
            module.training = False

    def _backward(self, batch: Any, together: int) -> dict[str, Any]:
        settings = self.settings
        self._set_training(True)
        inputs, y = batch[0], to_tensor(batch[1], self.device)
        inputs = {name: to_tensor(value, self.device) for name, value in inputs.items()}
        if settings.time_mask or settings.frequency_mask:
            spec_augment(inputs, self.module_, settings.time_mask, settings.frequency_mask, settings.masks)
        share, order = mixup(inputs, settings.mixup) if settings.mixup else (1.0, None)
        logits = self.infer(inputs)
        loss: Tensor = self.get_loss(logits, y, X=inputs, training=True)
        if order is not None:
            other = self.get_loss(logits, y[order.to(y.device)], X=inputs, training=True)
            loss = share * loss + (1 - share) * other
        with lower_format(self._lower()):
            (loss / together).backward()
        return {"loss": loss, "y_pred": logits, **self.agreement(logits, y, share, order)}

    def agreement(self, logits: Tensor, y: Tensor, share: float, order: Tensor | None) -> dict[str, float]:
        """What is known of a batch beside its loss, by name; here nothing.

        Args:
            logits: what the network gives, (batch, outputs).
            y: what it should, (batch, ...).
            share: of each utterance in what was mixed.
            order: of those mixed in; None for none.
        """
        return {}

    def _kernels(self) -> AbstractContextManager[Any]:
        """Those of float32; none for a network that `compile` was called of: its compiler fails at any but its own."""
        if self._lower() or getattr(self.module_, "_compiled_call_impl", None) is not None:
            return nullcontext()
        return fastest(torch.float32, torch.device(self.device).type)

    def _lower(self) -> str:
        """The precision, where it is below float32, as errors say it."""
        return "" if self.settings.precision == "float32" else f"precision: {self.settings.precision}"


class Loop(TrainingLoop, NeuralNetClassifier):
    """The training of a classifier; the history has its accuracy too."""

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """One batch, whose accuracy is kept."""
        step = super().train_step(batch, **fit_params)
        self.history.record_batch("train_acc", step["accuracy"])
        return step

    def agreement(self, logits: Tensor, y: Tensor, share: float, order: Tensor | None) -> dict[str, float]:
        """The accuracy; of mixed utterances both labels count by their share."""
        accuracy = _accuracy(logits, y)
        if order is not None:
            accuracy = share * accuracy + (1 - share) * _accuracy(logits, y[order.to(y.device)])
        return {"accuracy": accuracy}


def _accuracy(logits: Tensor, y: Tensor) -> float:
    codes = y.argmax(dim=1) if y.ndim > 1 else y
    return float((logits.detach().argmax(dim=1) == codes).double().mean())


def make_loop(
    network: nn.Module,
    criterion: nn.Module,
    settings: TrainingParams,
    classes: int,
    seed: int,
    device: str,
    train: Batches | None = None,
    held_out: Batches | None = None,
    on_epoch: Callable[[], None] = lambda: None,
    still: Sequence[nn.Module] = (),
) -> Loop:
    """The loop that trains `network` on `train`; `held_out` picks the epoch kept, or is watched (`settings.stop`).

    The history has each epoch's train_loss and train_acc, of the batches as they were trained on, with dropout and
    augmentation (of mixed utterances, both labels count by their share), while the weights moved; and valid_loss and
    valid_acc after the epoch.
    """
    accuracy = PassthroughScoring("train_acc", lower_is_better=False, on_train=True)
    return Loop(
        network,
        criterion=criterion,
        predict_nonlinearity=_softmax,
        classes=list(range(classes)),
        still=still,
        **loop_options(settings, seed, device, train, held_out, on_epoch, [("train_acc", accuracy)]),
    )


def loop_options(
    settings: TrainingParams,
    seed: int,
    device: str,
    train: Batches | None,
    held_out: Batches | None,
    on_epoch: Callable[[], None],
    scores: Sequence[tuple[str, Callback]],
) -> dict[str, Any]:
    """What every loop is made with; `scores` are what its history has beside the losses."""
    batches = -(-len(train) // settings.batch_size) if train is not None else 1
    return {
        "optimizer": OPTIMIZERS[settings.optimizer],
        **_optimizer_options(settings),
        "lr": settings.learning_rate,
        "max_epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "iterator_train__shuffle": True,
        "iterator_train__generator": torch.Generator().manual_seed(seed),
        "iterator_train__collate_fn": _as_is,
        "iterator_valid__collate_fn": _as_is,
        "train_split": None if held_out is None else predefined_split(held_out),
        "callbacks": [*scores, *_callbacks(settings, batches, held_out is not None, on_epoch)],
        "device": device,
        "verbose": 0,
        "settings": settings,
        "batches": batches,
    }


def _as_is(batch: Any) -> Any:
    return batch


def _softmax(logits: Tensor) -> Tensor:
    return logits.softmax(dim=-1)


def _optimizer_options(settings: TrainingParams) -> Mapping[str, float]:
    options = {"optimizer__weight_decay": settings.weight_decay}
    if is_portable():
        options["optimizer__fused"] = True
    if settings.optimizer == "sgd":
        options["optimizer__momentum"] = settings.momentum
    return options


class _Epoch(Callback):
    """Report each epoch, and stop when the loss is no number."""

    def __init__(self, told: Callable[[], None]) -> None:
        self.told = told

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Check the epoch's loss."""
        if not np.isfinite(net.history[-1, "train_loss"]):
            raise UserError(
                f"the loss is no number after epoch {len(net.history)}; lower learning_rate or set clip_norm"
            )
        self.told()


class _EnoughError(Exception):
    """No epoch was better for long enough."""


class _Stop(EarlyStopping):
    """skorch's early stopping, which ends the training with what Ctrl-C raises; this one is told from it."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Count the epochs without a better score."""
        try:
            super().on_epoch_end(net, **kwargs)
        except KeyboardInterrupt:
            if self.misses_ == self.patience:
                raise _EnoughError from None
            raise


class _Schedule(LRScheduler):
    """skorch's schedule, without torch's warning where the first batches are only accumulated."""

    def on_batch_end(self, net: Any, training: bool, **kwargs: Any) -> None:
        """Set the learning rate of the next batch."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step")
            super().on_batch_end(net, training=training, **kwargs)


def _callbacks(
    settings: TrainingParams, batches: int, validated: bool, on_epoch: Callable[[], None]
) -> list[tuple[str, Any]]:
    callbacks: list[tuple[str, Any]] = [("epoch", _Epoch(on_epoch))]
    if settings.schedule != "constant" or settings.warmup_epochs:
        rate = _Schedule(torch.optim.lr_scheduler.LambdaLR, lr_lambda=factor(settings, batches), step_every="batch")
        callbacks.append(("schedule", rate))
    if settings.clip_norm is not None:
        callbacks.append(("clip", GradientNormClipping(settings.clip_norm)))
    if settings.stop and validated:
        lower, patience = settings.monitor == "valid_loss", settings.patience or settings.epochs
        stop = _Stop(settings.monitor, patience=patience, threshold=0, lower_is_better=lower, load_best=True)
        callbacks.append(("stop", stop))
    return callbacks
