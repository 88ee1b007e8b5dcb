"""What the neural systems share: a scikit-learn classifier whose training loop is skorch's."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.layers.standardize import Standardize
from pipeline.strict import Strict
from pipeline.view import View


class TrainingParams(Strict):
    """Params of every neural system's training; each system has its paper's defaults."""

    epochs: int = Field(50, ge=1, description="most epochs")
    batch_size: int = Field(32, ge=1)
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float = Field(1e-4, gt=0)
    momentum: float = Field(0.0, ge=0, lt=1, description="of SGD")
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["constant", "step", "cosine"] = "constant"
    step_epochs: int = Field(10, ge=1, description="epochs between the steps of the step schedule")
    step_factor: float = Field(0.1, gt=0, le=1, description="what a step multiplies the learning rate by")
    clip_norm: float | None = Field(None, gt=0, description="largest norm of the gradient")
    patience: int = Field(0, ge=0, description="epochs without a better validation score before stopping; 0 for all")
    monitor: Literal["valid_loss", "valid_acc"] = Field("valid_loss", description="the score that picks the epoch kept")


Inputs = dict[str, Sequence[NDArray[Any]]]
"""Input name -> each utterance's array; arrays of unequal length are padded and masked batch by batch."""


class Batches(torch.utils.data.Dataset[Any]):
    """Utterances in memory; a batch is a dict of tensors and the labels.

    An input of equal shapes becomes a tensor (batch, ...). One of unequal lengths (frames, dims) is padded with zeros
    to (batch, longest, dims), and `NAME_valid` (batch, longest) is True on its real frames.
    """

    def __init__(self, inputs: Inputs, y: NDArray[np.int64]) -> None:
        self.y = torch.from_numpy(y)
        self.fixed: dict[str, Tensor] = {}
        self.ragged: dict[str, list[Tensor]] = {}
        for name, arrays in inputs.items():
            if name.endswith("_frames"):
                self.ragged[name.removesuffix("_frames")] = [torch.from_numpy(np.array(a)) for a in arrays]
            else:
                self.fixed[name] = torch.from_numpy(np.stack(arrays))

    def __len__(self) -> int:
        return len(self.y)

    def __getitems__(self, indices: list[int]) -> tuple[dict[str, Tensor], Tensor]:
        chosen = torch.tensor(indices)
        batch = {name: values[chosen].float() for name, values in self.fixed.items()}
        for name, values in self.ragged.items():
            rows = [values[i] for i in indices]
            lengths = torch.tensor([len(row) for row in rows])
            batch[name] = nn.utils.rnn.pad_sequence(rows, batch_first=True).float()
            batch[f"{name}_valid"] = torch.arange(int(lengths.max())) < lengths[:, None]
        return batch, self.y[chosen]


class NeuralSystem(ClassifierMixin, BaseEstimator):
    """A neural classifier over a `View`.

    Subclasses set `Params` and give `inputs` and `network`. The network's `standardize` modules, if any, take their
    statistics from the training part.

    Args:
        params: a `Params` object; None for its defaults.
        seed: of weights, dropout and the order of utterances.
        device: torch device; not part of the result.
    """

    Params: ClassVar[type[TrainingParams]]

    def __init__(self, params: Any = None, seed: int = 0, device: str = "cpu") -> None:
        self.params = params
        self.seed = seed
        self.device = device

    @abstractmethod
    def inputs(self, X: View) -> Inputs:
        """What the network reads of these utterances; a name that ends in `_frames` is padded and masked."""

    @abstractmethod
    def network(self, X: View, classes: int) -> nn.Module:
        """The network, untrained, for features as those of X. Its arguments are the inputs' names."""

    def settings(self) -> Any:
        """The params, or their defaults."""
        return self.Params() if self.params is None else self.params

    def fit(
        self,
        X: View,
        y: Sequence[str],
        validation: tuple[View, Sequence[str]] | None = None,
        on_epoch: Callable[[], None] = lambda: None,
    ) -> "NeuralSystem":
        """Train on utterances X with labels y; `validation` picks the epoch kept and stops early.

        Raises:
            UserError: early stopping is asked for and there is no validation part, or the loss became no number.
        """
        settings = self.settings()
        if settings.patience and validation is None:
            raise UserError(f"{type(self).__name__}: patience {settings.patience} needs a validation part")
        self.classes_ = np.unique(np.array(y, dtype=str))
        train = Batches(self.inputs(X), self._codes(y))
        held_out = None if validation is None else Batches(self.inputs(validation[0]), self._codes(validation[1]))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self.network(X, len(self.classes_))
            if isinstance(statistics := getattr(network, "standardize", None), nn.ModuleDict):
                for name, layer in statistics.items():
                    assert isinstance(layer, Standardize)  # noqa: S101 - for the type checker
                    layer.fit([*train.ragged[name]] if name in train.ragged else [*train.fixed[name]])
            self.net_ = self._skorch(network, held_out, on_epoch)
            self.net_.fit(train, None)
        self.history_ = [
            {name: row[name] for name in ("epoch", "train_loss", "valid_loss", "valid_acc") if name in row}
            for row in self.net_.history
        ]
        return self

    def predict_proba(self, X: View) -> NDArray[np.float64]:
        """Class probabilities (N, classes).

        Raises:
            UserError: training ended with weights that are no numbers.
        """
        data = Batches(self.inputs(X), np.zeros(len(X), np.int64))
        found: NDArray[np.float64] = self.net_.predict_proba(data).astype(np.float64)
        if not np.isfinite(found).all():
            raise UserError("the probabilities are no numbers; lower learning_rate or set clip_norm")
        return found / found.sum(axis=1, keepdims=True)

    def predict(self, X: View) -> NDArray[np.str_]:
        """Class labels (N,)."""
        found: NDArray[np.str_] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return found

    def save(self, path: Path) -> None:
        """Write the trained weights to `path` as safetensors."""
        from safetensors.torch import save

        from pipeline.atomic import atomic_path

        weights = {name: value.contiguous().cpu() for name, value in self.net_.module_.state_dict().items()}
        with atomic_path(path) as temporary:
            temporary.write_bytes(save(weights))

    def load(self, path: Path, X: View, classes: Sequence[str]) -> "NeuralSystem":
        """Read weights that `save` wrote, for features as those of X; returns the trained classifier."""
        from safetensors.torch import load_file

        self.classes_ = np.array(classes, dtype=str)
        network = self.network(X, len(self.classes_))
        network.load_state_dict(load_file(path))
        self.net_ = self._skorch(network, None, lambda: None).initialize()
        return self

    def parameter_count(self) -> int:
        """Number of trained parameters."""
        return sum(p.numel() for p in self.net_.module_.parameters() if p.requires_grad)

    def _codes(self, y: Sequence[str]) -> NDArray[np.int64]:
        labels = np.array(y, dtype=str)
        unknown = set(labels) - set(self.classes_)
        if unknown:
            raise UserError(f"emotion {str(min(unknown))!r} is validated on but not trained on")
        return np.searchsorted(self.classes_, labels).astype(np.int64)

    def _skorch(self, network: nn.Module, held_out: Batches | None, on_epoch: Callable[[], None]) -> Any:
        from skorch import NeuralNetClassifier
        from skorch.helper import predefined_split

        settings = self.settings()
        return NeuralNetClassifier(
            network,
            criterion=nn.CrossEntropyLoss,
            optimizer={"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[
                settings.optimizer
            ],
            **_optimizer_options(settings),
            lr=settings.learning_rate,
            max_epochs=settings.epochs,
            batch_size=settings.batch_size,
            iterator_train__shuffle=True,
            iterator_train__generator=torch.Generator().manual_seed(self.seed),
            iterator_train__collate_fn=_as_is,
            iterator_valid__collate_fn=_as_is,
            train_split=None if held_out is None else predefined_split(held_out),
            classes=list(range(len(self.classes_))),
            callbacks=_callbacks(settings, held_out is not None, on_epoch),
            device=self.device,
            verbose=0,
        )


def _as_is(batch: Any) -> Any:
    return batch


def _optimizer_options(settings: TrainingParams) -> Mapping[str, float]:
    options = {"optimizer__weight_decay": settings.weight_decay}
    if settings.optimizer == "sgd":
        options["optimizer__momentum"] = settings.momentum
    return options


def _callbacks(settings: TrainingParams, validated: bool, on_epoch: Callable[[], None]) -> list[tuple[str, Any]]:
    from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping, LRScheduler

    class Epoch(Callback):
        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            if not np.isfinite(net.history[-1, "train_loss"]):
                raise UserError(
                    f"the loss is no number after epoch {len(net.history)}; lower learning_rate or set clip_norm"
                )
            on_epoch()

    callbacks: list[tuple[str, Any]] = [("epoch", Epoch())]
    if settings.schedule == "step":
        step = {"step_size": settings.step_epochs, "gamma": settings.step_factor}
        callbacks.append(("schedule", LRScheduler(torch.optim.lr_scheduler.StepLR, **step)))
    if settings.schedule == "cosine":
        callbacks.append(("schedule", LRScheduler(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=settings.epochs)))
    if settings.clip_norm is not None:
        callbacks.append(("clip", GradientNormClipping(settings.clip_norm)))
    if settings.patience and validated:
        lower = settings.monitor == "valid_loss"
        stop = EarlyStopping(
            settings.monitor, patience=settings.patience, threshold=0, lower_is_better=lower, load_best=True
        )
        callbacks.append(("stop", stop))
    return callbacks


__all__ = ["Batches", "Inputs", "NeuralSystem", "Standardize", "TrainingParams"]
