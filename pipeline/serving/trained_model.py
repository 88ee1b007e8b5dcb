"""An experiment's trained models, whatever they give: what their folder says, and how their features are computed."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.config.transfers import TransferScheme
from pipeline.errors import ParamsError, UserError
from pipeline.experiments.model_card import TrainedCard
from pipeline.experiments.model_folder import CARD, CURE, checked_numbers
from pipeline.extraction.recipe import make_extractor
from pipeline.features import find_extractor
from pipeline.features.base import Extractor
from pipeline.features.ssl.streams import TINY
from pipeline.jobs.workplace import Workplace
from pipeline.serving.backbones import ONLY_HERE, Backbones
from pipeline.strict import Strict, validate
from pipeline.systems.view import View

Outputs = NDArray[np.float64]
"""probabilities of classes, or numbers on the scale of targets"""
Params = TypeVar("Params", bound=Strict)
Card = TypeVar("Card", bound=TrainedCard, covariant=True)
Loadable = TypeVar("Loadable", bound=Any)


@dataclass(frozen=True, repr=False)
class TrainedModel(Generic[Card]):
    """An experiment's trained models, of classes or of numbers: a folder with a file for each fold, and its card."""

    folder: Path
    card: Card

    @property
    def count(self) -> int:
        """How many models there are, one of each fold."""
        return len(self.card.weights)

    @property
    @abstractmethod
    def columns(self) -> list[str]:
        """Names of what each model gives a number of."""

    @abstractmethod
    def trained(self, number: int, X: View, device: str, backbones: Backbones = ONLY_HERE) -> Any:
        """One fold's trained system, for features as those of X.

        Raises:
            UserError: the fold's file is missing or damaged.
        """

    @abstractmethod
    def outputs_by(self, number: int, system: Any, X: View) -> Outputs:
        """Numbers (N, columns) by what `trained` gave of that fold.

        Raises:
            UserError: they are none.
        """

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.folder}: {self.card.system}, {self.count} folds)"

    def described(self) -> list[str]:
        """In one line: what it is, and what it was trained on."""
        card = self.card
        random = (
            "; its hidden states are of random weights, so the output means nothing" if card.random_backbone else ""
        )
        count = "refitted on all of it" if card.refitted else f"mean of {self.count} models"
        return [f"{card.name}: {card.system}, trained on {_heard(card)}, {count}{random}"]

    def leaves(self) -> list[Self]:
        """Itself: see `FusedModel`."""
        return [self]

    def combined(self, leaves: Mapping[Path, Outputs]) -> Outputs:
        """Its own (folds, N, columns) among those of all models, by folder."""
        return leaves[self.folder]

    @property
    def wants_backbone(self) -> bool:
        """Whether it needs a self-supervised model that is not made here."""
        named = [self.card.params, *(recipe.params for recipe in self.card.features.values())]
        return any(params.get("model", TINY) != TINY for params in named)

    @property
    def has_networks(self) -> bool:
        """Whether its systems are neural."""
        return "epochs" in self.card.params

    @property
    def uses_torch(self) -> bool:
        """Whether it has networks, or hidden states are computed for it."""
        return self.has_networks or "ssl" in self.card.features

    def extractors(self, workplace: Workplace, backbones: Backbones = ONLY_HERE) -> dict[str, Extractor[Any]]:
        """Role -> the extractor of its features, as they were in training.

        Raises:
            UserError: this program computes them in another way, or the self-supervised model has other weights.
        """
        if self.card.transfer and self.card.transfer.align != "none":
            what = "speaker by speaker" if self.card.transfer.align_by == "speaker" else "as a whole"
            raise UserError(
                f"{self.folder}: was trained on features of {self.card.corpus} that were aligned {what}, which "
                "those of new recordings are not; give the models of a transfer with align: none"
            )
        return {role: self._extractor(role, workplace, backbones) for role in self.card.features}

    def _extractor(self, role: str, workplace: Workplace, backbones: Backbones) -> Extractor[Any]:
        recipe = self.card.features[role]
        kind, key = find_extractor(recipe.extractor), f"features.{role}.params"
        params = self.validated(kind.Params, self._placed(recipe.params, backbones, key), key)
        extractor = make_extractor(kind, params, workplace)
        for what, ours, theirs, shown in (
            ("version", extractor.full_version, recipe.version, 40),
            ("weights", extractor.weights_digest, recipe.weights, 12),
        ):
            if ours != theirs:
                raise UserError(
                    f"{self.folder}: was trained on {recipe.extractor} of {what} {theirs[:shown]!r}, here it is "
                    f"{ours[:shown]!r}; train it again"
                )
        return extractor

    def _placed(self, params: Mapping[str, Any], backbones: Backbones, key: str) -> dict[str, Any]:
        """Params, with the folder of the self-supervised model that they name, if they do."""
        name = params.get("model")
        asker = f"{self.folder / CARD}: {key}.model"
        return {**params, "model": backbones.place(name, self.folder, asker)} if isinstance(name, str) else {**params}

    def validated(self, kind: type[Params], params: Mapping[str, Any], key: str) -> Params:
        """Params of a card, by their schema.

        Raises:
            UserError: they do not follow it.
        """
        try:
            return validate(kind, params, key)
        except ParamsError as error:
            raise UserError(f"{self.folder / CARD}: {str(error).splitlines()[0]}; {CURE}") from error

    def outputs(self, X: View, device: str, backbones: Backbones = ONLY_HERE, together: bool = True) -> Outputs:
        """What each fold's model gives, (folds, N, columns).

        Args:
            X: the features of N recordings.
            device: torch device.
            backbones: where self-supervised models may be taken from.
            together: as one batch, or each recording by itself.

        Raises:
            UserError: a fold's file is missing or damaged.
        """
        batches = [X] if together else [X[i : i + 1] for i in range(len(X))]
        return np.stack([self._of_fold(number, batches, device, backbones) for number in range(self.count)])

    def _of_fold(self, number: int, batches: Sequence[View], device: str, backbones: Backbones) -> Outputs:
        system = self.trained(number, batches[0], device, backbones)
        return np.concatenate([self.outputs_by(number, system, X) for X in batches])

    def placed_params(self, backbones: Backbones) -> dict[str, Any]:
        """The system's params, with the folder of the self-supervised model that they name, if they do.

        Raises:
            UserError: that model is not where it may be taken from.
        """
        return self._placed(self.card.params, backbones, "params")

    def file_of(self, number: int) -> Path:
        """One fold's file, whose digest is the card's.

        Raises:
            UserError: it is missing or damaged.
        """
        return checked_numbers(self.folder, number, self.card.weights[number])


def check_backbone_place(models: Sequence[TrainedModel[Any]], backbones: Backbones) -> None:
    """Refuse the place of a self-supervised model where no model takes one.

    Raises:
        ParamsError: it is given, and none does.
    """
    if backbones.path is not None and not any(model.wants_backbone for model in models):
        raise ParamsError(f"--ssl-model {backbones.path}: the models take none; leave it out")


def _heard(card: TrainedCard) -> str:
    """The corpora that models were trained on."""
    if card.transfer is None or not isinstance(card.protocol, TransferScheme):
        return card.corpus
    if not card.protocol.share:
        return card.transfer.corpus
    share = f"{100 * card.protocol.share:g} % of the {card.protocol.of} of {card.corpus}"
    return share if card.transfer.weights == "fresh" else f"{card.transfer.corpus} and {share}"


def loaded(model: Loadable, path: Path, X: View, outputs: Any) -> Loadable:
    """A system with the numbers of a fold's file, for features as those of X.

    Args:
        model: the system, as it is made of its params.
        path: the file.
        X: a view of one utterance or more.
        outputs: what its `load` takes last: classes, or how many targets.

    Raises:
        UserError: the file does not hold such a system.
    """
    from safetensors import SafetensorError

    try:
        _check_numbers(path)
        return cast(Loadable, model.load(path, X, outputs))
    except (SafetensorError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise unfit(path, model.name, error) from error


def unfit(path: Path, system: str, error: Exception) -> UserError:
    """What to say of a fold's file that a system cannot use."""
    return UserError(f"{path}: does not hold a model of {system} ({' '.join(str(error).split())}); {CURE}")


def _check_numbers(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        for name in file.keys():  # noqa: SIM118 (it is no mapping)
            if not np.isfinite(file.get_tensor(name)).all():
                raise ValueError(f"{name} has numbers that are not finite")
