"""The trained models of an experiment with targets, which give numbers; and the models of any folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import UserError
from pipeline.experiments.model_folder import CURE, numbers_file, read_card, validated_card
from pipeline.experiments.regressor_card import RegressorCard
from pipeline.serving.backbones import ONLY_HERE, Backbones
from pipeline.serving.models import FusedModel, Model, read_models
from pipeline.serving.trained_model import Outputs, TrainedModel, loaded, unfit
from pipeline.systems.regression import find_regressor
from pipeline.systems.view import View

if TYPE_CHECKING:
    from pipeline.systems.regression.regressor import Regressor


@dataclass(frozen=True, repr=False)
class ValueModel(TrainedModel[RegressorCard]):
    """An experiment's trained models of numbers."""

    @classmethod
    def read(cls, folder: Path) -> "ValueModel":
        """Read the card of a folder.

        Raises:
            UserError: there is none, or it is of another program.
        """
        return cls(folder, validated_card(RegressorCard, read_card(folder), folder))

    @property
    def columns(self) -> list[str]:
        """The targets."""
        return list(self.card.targets)

    def trained(self, number: int, X: View, device: str, backbones: Backbones = ONLY_HERE) -> "Regressor":
        """One fold's trained regressor, for features as those of X.

        Raises:
            UserError: the fold's file is missing or damaged.
        """
        kind = find_regressor(self.card.system)
        settings = self.validated(kind.Params, self.placed_params(backbones), "params")
        regressor = kind(**dict(settings), seed=self.card.seed, device=device)
        return loaded(regressor, self.file_of(number), X, len(self.card.targets))

    def outputs_by(self, number: int, system: "Regressor", X: View) -> Outputs:
        """Numbers (N, targets) by what `trained` gave of that fold.

        Raises:
            UserError: they are not finite.
        """
        path = numbers_file(self.folder, number)
        try:
            with np.errstate(all="ignore"):  # what damaged numbers give is refused below
                values = system.values(X).reshape(len(X), len(self.card.targets))
        except (LookupError, TypeError, ValueError) as error:
            raise unfit(path, system.name, error) from error
        if not np.isfinite(values).all():
            raise UserError(f"{path}: its numbers give none that are finite; {CURE}")
        return values


AnyModel = Model | FusedModel | ValueModel


def read_any(folder: Path) -> AnyModel:
    """The models of a folder, be they an experiment's or a fusion's, of classes or of numbers.

    Raises:
        UserError: the folder is damaged; what is wrong is named.
    """
    return ValueModel.read(folder) if predicts_numbers(folder) else read_models(folder)


def predicts_numbers(folder: Path) -> bool:
    """Whether the models of a folder are of an experiment with targets.

    Raises:
        UserError: it has no card that can be read.
    """
    return read_card(folder).get("task") == "regression"
