"""What estimators that train networks share: the networks, their weights on the disk, and what they read."""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.arithmetic import hold_network
from pipeline.errors import DataError, ParamsError, UserError
from pipeline.jobs.devices import torch_devices
from pipeline.storage.identity import canonical_json
from pipeline.systems import HEAD
from pipeline.systems.arrays import Data
from pipeline.systems.estimator import Estimator
from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.normalisation import GROUPS, Statistics
from pipeline.systems.training.batches import Batches, Inputs, memory_budget
from pipeline.systems.training.loop import TrainingLoop
from pipeline.systems.training.params import MASKED, TrainingParams
from pipeline.systems.training.size_limit import filled_by
from pipeline.systems.training.tuning import ALL, Parts, part_modules, trained_alone
from pipeline.systems.view import View


class NetworkEstimator(Estimator):
    """An estimator of one network or several, trained from successive seeds.

    Subclasses set `name`, `roles` and `Params`, and give what is abstract here. The network's `standardize` modules, if
    any, take their statistics from the training part. The seed decides weights, dropout, augmentation and the order of
    utterances.
    """

    Params: ClassVar[type[TrainingParams]]
    curve: ClassVar[Sequence[str]]
    """what is known of each epoch of a training"""
    parts: ClassVar[Parts] = HEAD
    """head, and fusion where there is one -> names of the network's modules, which `tune` may train alone"""

    @abstractmethod
    def inputs(self, X: View) -> Inputs:
        """What the network reads of these utterances."""

    @abstractmethod
    def network(self, X: View, classes: int) -> nn.Module:
        """The network, untrained, for features as those of X; its arguments are the inputs' names, see `Inputs`."""

    @abstractmethod
    def loop(
        self,
        network: nn.Module,
        criterion: nn.Module,
        seed: int,
        train: Batches | None = None,
        held_out: Batches | None = None,
        on_epoch: Callable[[], None] = lambda: None,
        still: Sequence[nn.Module] = (),
    ) -> TrainingLoop:
        """What trains a network, but for the modules that are to stay `still`."""

    def body(self, network: nn.Module) -> nn.Module:
        """Of a network, what has the modules that `parts` names."""
        return network

    def check_training(self, validated: bool) -> None:
        """Refuse a device that is not there, and early stopping without a validation part.

        Raises:
            DataError: patience has nothing to judge epochs by.
            UserError: there is no such device.
        """
        torch_devices(self.device)
        settings = self.settings()
        if settings.stop and settings.patience and not validated:
            raise DataError(
                f"{type(self).__name__}: patience {settings.patience} needs a validation part; give fit one, "
                "validation=(X, y), or set patience=0, which runs all epochs"
            )

    def train_networks(
        self,
        network: Callable[[], nn.Module],
        criterion: nn.Module,
        train: Batches,
        held_out: Batches | None,
        on_epoch: Callable[[], None],
    ) -> None:
        """Train a network for each seed, and set `nets_`, `history_` and `seconds_per_epoch_`.

        Args:
            network: makes one.
            criterion: its loss.
            train: the training part.
            held_out: the validation part, where there is one.
            on_epoch: called after each epoch.
        """
        self._check_masks(train)
        self.nets_: list[TrainingLoop] = []
        for seed in range(self.seed, self.seed + self.settings().seeds):
            with torch.random.fork_rng(devices=[]), repeatable(self.device):
                torch.manual_seed(seed)
                one = network()
                hold_network(one)
                self._standardize(one, train)
                net = self.loop(one, criterion, seed, train, held_out, on_epoch)
                net.fit(train, None)
            self.nets_.append(net)
        self.record_history()

    def tune_networks(self, part: str, criterion: nn.Module, train: Batches, on_epoch: Callable[[], None]) -> None:
        """Go on training the networks, each from its weights, with an optimiser of its own.

        Args:
            part: what is trained: all, or one of `parts`, the rest as in evaluation.
            criterion: their loss.
            train: what they are trained on.
            on_epoch: called after each epoch.

        Raises:
            UserError: the network has no such part.
        """
        self._check_masks(train)
        for number, network in enumerate([net.module_ for net in self.nets_]):
            seed = self.seed + number
            modules = [network] if part == ALL else part_modules(self.body(network), part, self.parts)
            with torch.random.fork_rng(devices=[]), repeatable(self.device), trained_alone(network, modules) as still:
                torch.manual_seed(seed)
                self.nets_[number] = self.loop(network, criterion, seed, train, None, on_epoch, still).fit(train, None)
        self.record_history()

    def _check_masks(self, train: Batches) -> None:
        if not {*MASKED} & {*train.columns} and (problems := [*self.settings().unmasked()]):
            raise ParamsError("\n".join(problems))

    def record_history(self) -> None:
        """Set `history_` and `seconds_per_epoch_` to the curves of the networks as they were trained last."""
        self.history_ = _mean_history([net.history for net in self.nets_], self.curve)
        self.seconds_per_epoch_ = float(np.mean([row["dur"] for net in self.nets_ for row in net.history]))

    def outputs(self, X: View) -> NDArray[np.float64]:
        """What the networks give for X, (N, outputs), the mean over seeds."""
        data = self._batches(X, np.zeros(len(X), np.int64))
        found: NDArray[np.float64] = np.mean([net.predict_proba(data).astype(np.float64) for net in self.nets_], axis=0)
        return found

    def save(self, path: Path) -> None:
        """Write what was trained to `path` as safetensors: of weights that stayed as they were given, the digest."""
        from safetensors.torch import save

        from pipeline.atomic import atomic_path

        weights = {
            f"{number}.{name}": value.contiguous().cpu()
            for number, net in enumerate(self.nets_)
            for name, value in net.module_.state_dict().items()
            if name not in _frozen(net.module_)
        }
        frozen = _frozen_digests(self.nets_[0].module_)
        with atomic_path(path) as temporary:
            temporary.write_bytes(save(weights, {FROZEN: canonical_json(frozen)} if frozen else None))

    def load_networks(self, path: Path, network: Callable[[], nn.Module], criterion: nn.Module) -> None:
        """Set `nets_` to what `save` wrote.

        Args:
            path: the file.
            network: makes one of the kind that was saved.
            criterion: its loss.

        Raises:
            UserError: it is of another system, of other params, or on another pretrained model.
            ValueError: a standard deviation to divide by is none, or the params ask for a much larger network.
        """
        from safetensors import safe_open
        from safetensors.torch import load_file

        with safe_open(path, "numpy") as file:
            frozen = json.loads((file.metadata() or {}).get(FROZEN, "{}"))
        if not isinstance(frozen, dict):
            raise ValueError("what it says of pretrained weights is no mapping")
        weights, settings = load_file(path), self.settings()
        numbers = {name.partition(".")[0] for name in weights}
        if settings.seeds != len(numbers) or numbers != {str(number) for number in range(settings.seeds)}:
            raise UserError(
                f"{path}: is of another system or of other params (its networks are not {settings.seeds}); {CURE}"
            )
        self.nets_ = []
        for number in range(settings.seeds):
            with filled_by(weights, bool(self.blocks_of)):
                one = network()
            hold_network(one)
            own = {name.partition(".")[2]: w for name, w in weights.items() if name.startswith(f"{number}.")}
            _check_belongs(one, own, frozen, path)
            one.load_state_dict(own, strict=False)
            _check_scales(one)
            self.nets_.append(self.loop(one, criterion, self.seed + number).initialize())

    def parameter_count(self) -> int:
        """Number of trained parameters, of all networks where there are several (`seeds`)."""
        return sum(p.numel() for net in self.nets_ for p in net.module_.parameters() if p.requires_grad)

    def frozen_count(self) -> int:
        """Number of parameters of one network that stay as they were pretrained.

        Of a model whose blocks share a relative position embedding (WavLM), top blocks have a copy, counted again.
        """
        return sum(p.numel() for p in self.nets_[0].module_.parameters() if not p.requires_grad)

    def operations(self, X: Data) -> int:
        """Floating-point operations of a prediction for X, by all networks; a multiplication and addition are two."""
        from pipeline.systems.training.summary import operations

        X = self.data(X)
        batch, _ = self._batches(X, np.zeros(len(X), np.int64)).__getitems__(list(range(len(X))))
        batch = {name: value.to(self.device) for name, value in batch.items()}
        return len(self.nets_) * operations(self.nets_[0].module_, batch)

    def _batches(self, X: View, y: NDArray[Any]) -> Batches:
        return Batches(self._normalised(X), y, memory_budget(), self.device)

    def raw(self) -> tuple[str, ...]:
        """Inputs that are never standardised per speaker or corpus: waveforms, and states for pretrained blocks."""
        return ("waveform",)

    def _normalised(self, X: View) -> Inputs:
        """The inputs, standardised per speaker or per corpus where asked for."""
        inputs, kind = self.inputs(X), GROUPS.get(self.settings().normalisation)
        if kind is None:
            return inputs
        if set(inputs) <= {*self.raw()}:
            raise ParamsError(
                f"normalisation: {self.settings().normalisation} has nothing to standardise here, as {type(self).name} "
                f"reads {', '.join(X.roles)} as it is; choose training"
            )
        groups, whole = X.groups(kind), X.whole()
        own = whole.groups(kind)
        everyone = self.inputs(whole)
        normalised = dict(inputs)
        for name in set(inputs) - {*self.raw()}:
            statistics = Statistics(everyone[name].arrays, own, set(groups))
            normalised[name] = replace(inputs[name], arrays=statistics.apply(inputs[name].arrays, groups))
        return normalised

    def _standardize(self, network: nn.Module, train: Batches) -> None:
        if isinstance(layers := getattr(network, "standardize", None), nn.ModuleDict):
            for name, layer in layers.items():
                assert isinstance(layer, Standardize)  # noqa: S101 - for the type checker
                layer.fit(train.columns[name])


CURE = "give the card.json that was written with it, or train again"

FROZEN = "frozen"
"""metadata of a file: name -> digest of the pretrained weights that are not in it"""


def _frozen_digests(network: nn.Module) -> dict[str, str]:
    """Name -> hex SHA-256, its first 16 digits, of each tensor that stays as it was pretrained."""
    return {
        name: hashlib.sha256(p.detach().cpu().contiguous().numpy().tobytes()).hexdigest()[:16]
        for name, p in network.named_parameters()
        if not p.requires_grad
    }


def _check_belongs(network: nn.Module, weights: Mapping[str, Tensor], frozen: Mapping[str, str], path: Path) -> None:
    """Refuse tensors of other names, shapes or types than a network's, or trained on another pretrained model.

    What is trained on cached states is a network without the blocks before them, so only what is frozen of the modules
    that both have counts.
    """
    wanted = {name: value for name, value in network.state_dict().items() if name not in _frozen(network)}
    for name in sorted({*wanted} ^ {*weights}):
        where = "network" if name in wanted else "file"
        raise UserError(f"{path}: is of another system or of other params (only the {where} has {name}); {CURE}")
    for name, value in weights.items():
        if (value.dtype, value.shape) != (wanted[name].dtype, wanted[name].shape):
            problem = f"{name} is {_described(value)}, and the network's {_described(wanted[name])}"
            raise UserError(f"{path}: is of another system or of other params ({problem}); {CURE}")
    own = _frozen_digests(network)
    modules = {name.split(".")[0] for name in own} & {name.split(".")[0] for name in frozen}
    differing = {name for name, _ in own.items() ^ frozen.items()}
    if any(name.split(".")[0] in modules for name in differing):
        raise UserError(f"{path}: was trained on other weights of the pretrained model; give that one")


def _described(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


def _check_scales(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, Standardize) and not bool((layer.std > 0).all()):
            raise ValueError("a standard deviation to divide by is not above 0")


def _frozen(network: nn.Module) -> set[str]:
    return {name for name, p in network.named_parameters() if not p.requires_grad}


@contextmanager
def repeatable(device: str) -> Iterator[None]:
    """On a GPU: the same algorithms every time."""
    if torch.device(device).type != "cuda":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            yield
    finally:
        torch.use_deterministic_algorithms(before)


def _mean_history(histories: Sequence[Sequence[dict[str, Any]]], curve: Sequence[str]) -> list[dict[str, float]]:
    """The curves of several networks: the mean, epoch by epoch, over those that got so far."""
    found: list[dict[str, float]] = []
    for epoch in range(max(len(history) for history in histories)):
        rows = [history[epoch] for history in histories if epoch < len(history)]
        names: list[str] = [name for name in curve if name in rows[0]]
        found.append({name: float(np.mean([row[name] for row in rows])) for name in names})
    return found
