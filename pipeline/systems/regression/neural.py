"""The regressors of the neural systems: the same network, whose outputs are numbers, trained by concordance or error.

They are made when asked for: `HuMPCATRegressor` of this module is that of `HuMPCAT`. A network takes its outputs'
means and deviations from the training part. A cosine classifier, whose outputs have no scale, gives way to a linear
layer; margins, class weights and label smoothing are of classes, and are refused.
"""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from pipeline.errors import DataError, UserError
from pipeline.systems import find_system, systems
from pipeline.systems.arrays import Data, as_view
from pipeline.systems.estimator import unreported
from pipeline.systems.layers.am_softmax import CosineClassifier
from pipeline.systems.layers.concordance import LOSSES
from pipeline.systems.networks import NetworkEstimator
from pipeline.systems.neural import NeuralSystem
from pipeline.systems.regression import NEURAL, OF_CLASSES, VALUE_CURVE
from pipeline.systems.regression.regressor import FloatArray, Regressor, Values, as_targets, standard
from pipeline.systems.training.batches import Batches, Inputs
from pipeline.systems.training.params import TrainingParams
from pipeline.systems.training.tuning import ALL
from pipeline.systems.training.value_loop import ValueLoop, make_value_loop
from pipeline.systems.view import View

SUFFIX, PARAMS = "Regressor", "Params"
"""how the names of regressors and of their params end"""


class ValueNetwork(nn.Module):
    """A network whose outputs (batch, targets) are mapped to the scale of the targets.

    Args:
        network: the one, whose outputs are standardised.
        outputs: number of targets.
    """

    def __init__(self, network: nn.Module, outputs: int) -> None:
        super().__init__()
        self.network = _with_linear_outputs(network, outputs)
        self.register_buffer("mean", torch.zeros(outputs))
        self.register_buffer("deviation", torch.ones(outputs))
        self.mean: Tensor
        self.deviation: Tensor

    @property
    def standardize(self) -> Any:
        """The network's own layers that standardise its inputs."""
        return getattr(self.network, "standardize", {})

    def forward(self, **inputs: Tensor) -> Tensor:
        """Numbers (batch, targets) of the network's inputs."""
        return self.mean + self.deviation * self.network(**inputs)


def _with_linear_outputs(network: nn.Module, outputs: int) -> nn.Module:
    """The network, with a linear layer in the place of a cosine classifier."""
    for name, layer in network.named_children():
        if isinstance(layer, CosineClassifier):
            setattr(network, name, nn.Linear(layer.weight.shape[1], outputs))
    return network


class NeuralRegressor(NetworkEstimator, Regressor):
    """The regressor of a neural system.

    Attributes:
        System: the system whose network it trains.
    """

    System: ClassVar[type[NeuralSystem]]
    curve: ClassVar[Sequence[str]] = VALUE_CURVE
    tunes: ClassVar[bool] = True

    def fit(
        self,
        X: Data,
        y: Values,
        validation: tuple[Data, Values] | None = None,
        on_epoch: Callable[[], None] = unreported,
    ) -> Self:
        """Train on utterances X with numbers y; `validation` picks the epoch kept, unless `stop` is false.

        Raises:
            ParamsError: a param is not what it must be.
            ValueError: X or y cannot be taken.
            UserError: early stopping is asked for and there is no validation part, or the loss became no number.
        """
        view, targets = self.training_data(X, y)
        self.check_training(validation is not None)
        mean, deviation = (torch.from_numpy(each).float() for each in standard(targets))
        held_out = None if validation is None else self._validation_part(*validation)
        criterion = LOSSES[self.settings().loss](deviation)

        def network() -> nn.Module:
            one = self.network(view, self.outputs_)
            one.mean.copy_(mean)
            one.deviation.copy_(deviation)
            return one

        self.train_networks(network, criterion, self._batches(view, targets.astype(np.float32)), held_out, on_epoch)
        return self

    def tune(self, X: Data, y: Values, part: str = ALL, on_epoch: Callable[[], None] = unreported) -> Self:
        """Go on training the networks, each from its weights, with an optimiser of its own; see `Regressor`.

        Raises:
            ParamsError: a param is not what it must be.
            ValueError: X or y cannot be taken, or y has other targets than were trained on.
            UserError: the network has no such part, or the loss became no number.
        """
        check_is_fitted(self)
        view, targets = self.numbered(X, y)
        if (count := targets.shape[1]) != self.outputs_:
            raise DataError(f"y has {count} targets, and {type(self).__name__} was trained on {self.outputs_}")
        criterion = LOSSES[self.settings().loss](self.nets_[0].module_.deviation.detach().cpu().clone())
        self.tune_networks(part, criterion, self._batches(view, targets.astype(np.float32)), on_epoch)
        self.flat_ = np.asarray(y).ndim == 1
        return self

    def values(self, X: Data) -> FloatArray:
        """Numbers (N, targets), the mean over seeds.

        Raises:
            ValueError: X cannot be taken.
            UserError: training ended with weights that are no numbers.
        """
        found = self.outputs(self.data(X))
        if not np.isfinite(found).all():
            raise UserError("what is predicted is no number; lower learning_rate or set clip_norm")
        return found

    def load(self, path: Path, X: Data, outputs: int) -> Self:
        """Read what `save` wrote, for features as those of X; returns the trained regressor.

        Raises:
            UserError: it is of another system, of other params, or on another pretrained model.
            ValueError: a standard deviation to divide by is none, or the params ask for a much larger network.
        """
        view = as_view(self, X, fitting=True)
        self.outputs_, self.flat_ = outputs, False
        criterion = LOSSES[self.settings().loss](torch.ones(outputs))
        self.load_networks(path, lambda: self.network(view, outputs), criterion)
        return self

    def inputs(self, X: View) -> Inputs:
        """What the system's network reads."""
        return self._system().inputs(X)

    def network(self, X: View, classes: int) -> ValueNetwork:
        """The system's network, of so many targets."""
        return ValueNetwork(self._system().network(X, classes), classes)

    def loop(
        self,
        network: nn.Module,
        criterion: nn.Module,
        seed: int,
        train: Batches | None = None,
        held_out: Batches | None = None,
        on_epoch: Callable[[], None] = unreported,
        still: Sequence[nn.Module] = (),
    ) -> ValueLoop:
        """What trains a network of numbers."""
        settings = self.settings()
        return make_value_loop(network, criterion, settings, seed, self.device, train, held_out, on_epoch, still)

    def body(self, network: nn.Module) -> nn.Module:
        """The system's network."""
        assert isinstance(network, ValueNetwork)  # noqa: S101 - for the type checker
        return network.network

    def raw(self) -> tuple[str, ...]:
        """Those of the system."""
        return self._system().raw()

    def stream(self) -> str:
        """That of the system."""
        return self._system().stream()

    def _system(self) -> NeuralSystem:
        """The system with the params that it shares."""
        own = {name: getattr(self, name) for name in self.System.Params.model_fields if name != "monitor"}
        return self.System(**own, seed=self.seed, device=self.device)

    def _validation_part(self, X: Data, y: Values) -> Batches:
        view = self.data(X)
        return self._batches(view, as_targets(view, y).astype(np.float32))


@cache
def neural_regressor(system: str) -> type[NeuralRegressor]:
    """The regressor of a neural system, by the system's name."""
    of = find_system(system).load()
    assert issubclass(of, NeuralSystem)  # noqa: S101 - for the type checker
    name = f"{of.__name__}{SUFFIX}"
    members = {
        "__module__": NEURAL,
        "__doc__": f"The regressor of {of.__name__}: {of.__doc__ or ''}",
        "System": of,
        "Params": _params(of.Params, name),
        "name": of.name,
        "roles": of.roles,
        "optional": of.optional,
        "accepts": of.accepts,
        "blocks_of": of.blocks_of,
        "blocks_where": of.blocks_where,
        "parts": of.parts,
    }
    return type(name, (NeuralRegressor,), members)


def _params(of: type[TrainingParams], name: str) -> type[TrainingParams]:
    """The params of a system's regressor: the system's own, a loss, and the score that picks an epoch."""

    defaults = {param: of.model_fields[param].default for param in OF_CLASSES if param in of.model_fields}

    class Own(of):  # type: ignore[valid-type, misc]
        loss: Literal["ccc", "mse"] = Field(
            "ccc", description="1 - CCC over the batch, the mean over targets, or the mean squared error"
        )
        monitor: Literal["valid_ccc", "valid_loss"] = Field(
            "valid_ccc", description="the score of the validation part that picks the epoch kept"
        )

        @model_validator(mode="before")
        @classmethod
        def _of_no_classes(cls, values: Any) -> Any:
            for param, default in defaults.items():
                if isinstance(values, dict) and values.get(param, default) != default:
                    raise ValueError(f"{param} is of classes, and there are targets; leave it out")
            return values

        @model_validator(mode="after")
        def _has_concordance(self) -> Self:
            if self.loss == "ccc" and self.batch_size == 1:
                raise ValueError("batch_size is 1, and one utterance has no CCC; give 2 or more, or loss: mse")
            return self

    Own.__name__ = Own.__qualname__ = f"{name}{PARAMS}"
    Own.__doc__ = f"Params of {name}: the system's own, a loss, and the score that picks an epoch."
    return Own


def __getattr__(name: str) -> Any:
    """The regressors and their params, by their own names, so that a fitted one can be pickled."""
    for system, entry in systems().items():
        if entry.neural and name.removesuffix(PARAMS) == f"{entry.symbol}{SUFFIX}":
            regressor = neural_regressor(system)
            return regressor.Params if name.endswith(PARAMS) else regressor
    raise AttributeError(f"module {NEURAL!r} has no attribute {name!r}")
