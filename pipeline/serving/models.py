"""The trained models of an experiment or of a fusion, as folders that may have come from anywhere.

A cross-validation leaves a model for each fold. The folder of an experiment's models is all that a prediction needs,
with the self-supervised model it names, if any: `card.json` says how the features are computed. The folder of a fusion
has those of its branches in it (see `experiments/fused_model.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.experiments.fused_model import BRANCHES, FittedFusion, FusionCard
from pipeline.experiments.model_card import ModelCard
from pipeline.experiments.model_folder import (
    CARD,
    CURE,
    check_inside,
    numbers_file,
    read_card,
    validated_card,
)
from pipeline.serving.backbones import ONLY_HERE, Backbones
from pipeline.serving.trained_model import TrainedModel, loaded, unfit
from pipeline.systems import find_system
from pipeline.systems.view import View

if TYPE_CHECKING:
    from pipeline.systems.system import System

Probabilities = NDArray[np.float64]

SLACK = 1e-3
"""by which a probability may be below 0, and a sum beside 1, for rounding"""


@dataclass(frozen=True, repr=False)
class Model(TrainedModel[ModelCard]):
    """An experiment's trained models of classes."""

    @classmethod
    def read(cls, folder: Path) -> "Model":
        """Read the card of a folder.

        Raises:
            UserError: there is none, or it is of another program.
        """
        given = read_card(folder)
        if "format" not in given:
            raise UserError(
                f"{folder / CARD}: has no format, so it is of an earlier version, which kept no digests of its files; "
                "train it again with `dvc repro`"
            )
        if given.get("task") == "regression":
            raise UserError(f"{folder}: predicts numbers, and here classes are needed; give one without targets")
        return cls(folder, validated_card(ModelCard, given, folder))

    @property
    def columns(self) -> list[str]:
        """The classes, in the order of probabilities."""
        return list(self.card.classes)

    def parts(self, leaves: Mapping[Path, Probabilities]) -> dict[str, Probabilities]:
        """Its own, as the whole: see `FusedModel`."""
        return {TOP: self.combined(leaves)}

    def fold_probabilities(self, number: int, X: View, device: str, backbones: Backbones = ONLY_HERE) -> Probabilities:
        """One fold's probabilities of all classes, (N, classes); 0 for those that it was not trained on.

        Raises:
            UserError: the fold's file is missing or damaged.
        """
        return self.outputs_by(number, self.trained(number, X, device, backbones), X)

    def trained(self, number: int, X: View, device: str, backbones: Backbones = ONLY_HERE) -> "System":
        """One fold's trained system, for features as those of X.

        Raises:
            UserError: the fold's file is missing or damaged.
        """
        kind = find_system(self.card.system).load()
        settings = self.validated(kind.Params, self.placed_params(backbones), "params")
        system = kind(**dict(settings), seed=self.card.seed, device=device)
        return loaded(system, self.file_of(number), X, self.card.folds[number])

    def outputs_by(self, number: int, system: "System", X: View) -> Probabilities:
        """Probabilities of all classes, (N, classes), by what `trained` gave of that fold.

        Raises:
            UserError: its numbers give none.
        """
        classes, own = self.card.classes, self.card.folds[number]
        probabilities = np.zeros((len(X), len(classes)))
        columns = [classes.index(name) for name in own]
        probabilities[:, columns] = _predicted(system, numbers_file(self.folder, number), X, own)
        return _sound(probabilities, self.folder)


def _sound(probabilities: Probabilities, folder: Path) -> Probabilities:
    """The probabilities, if they are such: the numbers of a damaged model can be finite and yet give none."""
    total = probabilities.sum(axis=-1)
    if np.isfinite(total).all() and (probabilities >= -SLACK).all() and (np.abs(total - 1) <= SLACK).all():
        return probabilities
    raise UserError(f"{folder}: its numbers give no probabilities; {CURE}")


def _predicted(model: "System", path: Path, X: View, classes: Sequence[str]) -> Probabilities:
    """Probabilities (N, classes) by the model of one fold, whose file is named in errors."""
    try:
        with np.errstate(all="ignore"):  # what damaged numbers give is refused in the end
            return model.predict_proba(X).reshape(len(X), len(classes))
    except (LookupError, TypeError, ValueError) as error:
        raise unfit(path, model.name, error) from error


@dataclass(frozen=True)
class FusedModel:
    """A fusion with all that is below it.

    Attributes:
        folder: where all lies.
        models: the experiments' models below, each once, in the order of branches.
        fusions: name -> fusion, each after those it is made of, the whole last; names are those of the branches.
    """

    folder: Path
    models: Mapping[str, Model]
    fusions: Mapping[str, FittedFusion]

    @classmethod
    def read(cls, folder: Path) -> "FusedModel":
        """Read the folder of a fusion.

        Raises:
            UserError: something in it is missing, damaged, or does not belong together; it is named.
        """
        parts = {TOP: FittedFusion.read(folder)} | _parts_below(folder)
        _check_together(parts, folder)
        try:
            order = [*TopologicalSorter({name: _branches(part) for name, part in parts.items()}).static_order()]
        except CycleError as error:
            raise UserError(f"{folder}: is made of itself ({' of '.join(error.args[1])}); {CURE}") from error
        models = {name: part for name, part in parts.items() if isinstance(part, Model)}
        fusions = {name: part for name in order if isinstance(part := parts[name], FittedFusion)}
        return cls(folder, models, fusions)

    @property
    def columns(self) -> list[str]:
        """The classes, in the order of probabilities."""
        return list(self.card.classes)

    @property
    def count(self) -> int:
        """How many there are of each part, one of each fold."""
        return len(self.card.folds)

    @property
    def card(self) -> FusionCard:
        """The fusion's own."""
        return self.fusions[TOP].card

    def described(self) -> list[str]:
        """In a line each: the experiments' models, and what they are fused by."""
        lines = [line for model in self.models.values() for line in model.described()]
        cards = [fusion.card for fusion in self.fusions.values()]
        return [*lines, *(f"{card.name}: {card.system} of {', '.join(card.params.of)}" for card in cards)]

    def leaves(self) -> list[Model]:
        """The experiments' models below, each once, in the order of branches."""
        return [*self.models.values()]

    def combined(self, leaves: Mapping[Path, Probabilities]) -> Probabilities:
        """Probabilities (folds, N, classes) from those of the models below, by folder."""
        return self.parts(leaves)[TOP]

    def parts(self, leaves: Mapping[Path, Probabilities]) -> dict[str, Probabilities]:
        """Those (folds, N, classes) of each experiment and fusion, by name; the whole is `TOP`."""
        known = {name: leaves[model.folder] for name, model in self.models.items()}
        with np.errstate(all="ignore"):  # what damaged numbers give is refused below
            for name, fusion in self.fusions.items():
                members = zip(*(known[branch] for branch in fusion.card.params.of), strict=True)
                known[name] = np.stack([combine(same) for combine, same in zip(fusion.folds, members, strict=True)])
        return known | {TOP: _sound(known[TOP], self.folder)}


TOP = ""
"""stands for the fusion whose folder it is, among the names of its branches"""

Part = Model | FittedFusion


def _parts_below(folder: Path) -> dict[str, Part]:
    """All that a fusion is made of, by name, in the order of branches."""
    parts: dict[str, Part] = {}
    ahead = _branches(FittedFusion.read(folder))
    while ahead:
        name, *ahead = ahead
        if name not in parts:
            place = folder / BRANCHES / name
            check_inside(place, folder)
            parts[name] = _read(place)
            ahead = [*_branches(parts[name]), *ahead]
    return parts


def _read(folder: Path) -> Part:
    return FittedFusion.read(folder) if _is_fusion(folder) else Model.read(folder)


def _is_fusion(folder: Path) -> bool:
    return str(read_card(folder).get("format", "")).startswith("ser-fusion/")


def _branches(part: Part) -> list[str]:
    return part.card.params.of if isinstance(part, FittedFusion) else []


def _check_together(parts: Mapping[str, Part], folder: Path) -> None:
    """Refuse branches of other emotions or of another number of folds than the fusion has."""
    whole = parts[TOP].card
    for name, part in parts.items():
        for what, ours, theirs in (
            ("other emotions", part.card.classes, whole.classes),
            ("another number of folds", len(part.card.folds), len(whole.folds)),
        ):
            if ours != theirs:
                raise UserError(f"{folder / BRANCHES / name / CARD}: has {what} than {folder / CARD}; {CURE}")


def read_models(folder: Path) -> Model | FusedModel:
    """The models of a folder, be they an experiment's or a fusion's.

    Raises:
        UserError: the folder is damaged; what is wrong is named.
    """
    return FusedModel.read(folder) if _is_fusion(folder) else Model.read(folder)
