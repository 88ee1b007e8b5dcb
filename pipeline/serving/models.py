"""The trained models of an experiment or of a fusion, as folders that may have come from anywhere.

A cross-validation leaves a model for each fold. The folder of an experiment's models is all that a prediction needs,
with the self-supervised model it names, if any: `card.json` says how the features are computed. The folder of a fusion
has those of its branches in it (see `experiments/fused_model.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline import paths
from pipeline.errors import ParamsError, UserError, nearest
from pipeline.experiments.fused_model import BRANCHES, FittedFusion
from pipeline.experiments.model_card import ModelCard
from pipeline.experiments.model_folder import CARD, CURE, check_inside, checked_numbers, read_card, validated_card
from pipeline.extraction.recipe import make_extractor
from pipeline.features import find_extractor
from pipeline.features.base import Extractor
from pipeline.features.ssl.streams import TINY
from pipeline.jobs.workplace import Workplace
from pipeline.serving.backbones import ONLY_HERE, Backbones
from pipeline.strict import Strict, validate
from pipeline.systems import find_system
from pipeline.systems.view import View

if TYPE_CHECKING:
    from pipeline.systems.system import System

Probabilities = NDArray[np.float64]
Params = TypeVar("Params", bound=Strict)

SLACK = 1e-3
"""by which a probability may be below 0, and a sum beside 1, for rounding"""


@dataclass(frozen=True, repr=False)
class Model:
    """An experiment's trained models: a folder with a file for each fold, and what its card says."""

    folder: Path
    card: ModelCard

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
        return cls(folder, validated_card(ModelCard, given, folder))

    def __repr__(self) -> str:
        return f"Model({self.folder}: {self.card.system}, {len(self.card.folds)} folds)"

    def described(self) -> list[str]:
        """In one line: what it is, and what it was trained on."""
        card = self.card
        random = (
            "; its hidden states are of random weights, so the output means nothing" if card.random_backbone else ""
        )
        return [f"{card.name}: {card.system}, trained on {card.corpus}, mean of {len(card.folds)} models{random}"]

    def leaves(self) -> list["Model"]:
        """Itself: see `FusedModel`."""
        return [self]

    def combined(self, leaves: Mapping[Path, Probabilities]) -> Probabilities:
        """Its own probabilities (folds, N, classes) among those of all models, by folder."""
        return leaves[self.folder]

    @property
    def wants_backbone(self) -> bool:
        """Whether it needs a self-supervised model that is not made here."""
        named = [self.card.params, *(recipe.params for recipe in self.card.features.values())]
        return any(params.get("model", TINY) != TINY for params in named)

    def extractors(self, workplace: Workplace, backbones: Backbones = ONLY_HERE) -> dict[str, Extractor[Any]]:
        """Role -> the extractor of its features, as they were in training.

        Raises:
            UserError: this program computes them in another way, or the self-supervised model has other weights.
        """
        return {role: self._extractor(role, workplace, backbones) for role in self.card.features}

    def _extractor(self, role: str, workplace: Workplace, backbones: Backbones) -> Extractor[Any]:
        recipe = self.card.features[role]
        kind, key = find_extractor(recipe.extractor), f"features.{role}.params"
        params = self._validated(kind.Params, self._placed(recipe.params, backbones, key), key)
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

    def _validated(self, kind: type[Params], params: Mapping[str, Any], key: str) -> Params:
        try:
            return validate(kind, params, key)
        except ParamsError as error:
            raise UserError(f"{self.folder / CARD}: {str(error).splitlines()[0]}; {CURE}") from error

    def probabilities(self, X: View, device: str, backbones: Backbones = ONLY_HERE) -> Probabilities:
        """Each fold's probabilities of all classes, (folds, N, classes).

        Raises:
            UserError: a fold's file is missing or damaged.
        """
        folds = range(len(self.card.folds))
        return np.stack([self.fold_probabilities(number, X, device, backbones) for number in folds])

    def fold_probabilities(self, number: int, X: View, device: str, backbones: Backbones = ONLY_HERE) -> Probabilities:
        """One fold's probabilities of all classes, (N, classes); 0 for those that it was not trained on.

        Raises:
            UserError: the fold's file is missing or damaged.
        """
        kind, classes, own = find_system(self.card.system).load(), self.card.classes, self.card.folds[number]
        settings = self._validated(kind.Params, self._placed(self.card.params, backbones, "params"), "params")
        probabilities = np.zeros((len(X), len(classes)))
        model = kind(**dict(settings), seed=self.card.seed, device=device)
        path = checked_numbers(self.folder, number, self.card.weights[number])
        probabilities[:, [classes.index(name) for name in own]] = _predicted(model, path, X, own)
        return _sound(probabilities, self.folder)


def _sound(probabilities: Probabilities, folder: Path) -> Probabilities:
    """The probabilities, if they are such: the numbers of a damaged model can be finite and yet give none."""
    total = probabilities.sum(axis=-1)
    if np.isfinite(total).all() and (probabilities >= -SLACK).all() and (np.abs(total - 1) <= SLACK).all():
        return probabilities
    raise UserError(f"{folder}: its numbers give no probabilities; {CURE}")


def _predicted(model: "System", path: Path, X: View, classes: Sequence[str]) -> Probabilities:
    """Probabilities (N, classes) by the model of one fold.

    Raises:
        UserError: its file is missing or damaged.
    """
    model = _loaded(model, path, X, classes)
    try:
        with np.errstate(all="ignore"):  # what damaged numbers give is refused in the end
            return model.predict_proba(X).reshape(len(X), len(classes))
    except (LookupError, TypeError, ValueError) as error:
        raise _unfit(path, model, error) from error


def _loaded(model: "System", path: Path, X: View, classes: Sequence[str]) -> "System":
    from safetensors import SafetensorError

    try:
        _check_numbers(path)
        return model.load(path, X, classes)
    except (SafetensorError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise _unfit(path, model, error) from error


def _unfit(path: Path, model: "System", error: Exception) -> UserError:
    return UserError(f"{path}: does not hold a model of {model.name} ({' '.join(str(error).split())}); {CURE}")


def _check_numbers(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        for name in file.keys():  # noqa: SIM118 (it is no mapping)
            if not np.isfinite(file.get_tensor(name)).all():
                raise ValueError(f"{name} has numbers that are not finite")


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
        known = {name: leaves[model.folder] for name, model in self.models.items()}
        with np.errstate(all="ignore"):  # what damaged numbers give is refused below
            for name, fusion in self.fusions.items():
                members = zip(*(known[branch] for branch in fusion.card.params.of), strict=True)
                known[name] = np.stack([combine(same) for combine, same in zip(fusion.folds, members, strict=True)])
        return _sound(known[TOP], self.folder)


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


def find_models(name: str) -> Model | FusedModel:
    """The models of a folder, or of an experiment or a fusion of this project.

    Raises:
        ParamsError: there is nothing of that name.
        UserError: the folder is damaged.
    """
    for folder in (Path(name), paths.models(name)):
        if (folder / CARD).is_file():
            return FusedModel.read(folder) if _is_fusion(folder) else Model.read(folder)
    trained = sorted(path.parent.name for path in paths.models("").glob(f"*/{CARD}"))
    raise ParamsError(
        f"{name}: no folder of trained models, nor a trained experiment or fusion of this project"
        f"{nearest(name, trained)}; trained: {', '.join(trained) or 'none'}; `dvc repro` trains what params.yaml has"
    )
