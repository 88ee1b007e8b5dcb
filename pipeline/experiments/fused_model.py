"""A fitted fusion as a folder that can be copied anywhere.

`data/models/FUSION/` has

- `card.json`: what it is a fusion of, by which method, and what a reader must know to judge it (`FusionCard`);
- `fold_NN.safetensors`: the fitted numbers of each fold;
- `branches/NAME/`: the models of each experiment below it, and the card and numbers of each fusion below it, side by
  side, so that what two branches share is there once.

It is read as data of a stranger: nothing of it names a file outside the folder, and nothing is run.
"""

import filecmp
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from pipeline.atomic import atomic_path
from pipeline.config.fusions import FusionParams
from pipeline.config.references import name_problem
from pipeline.errors import ParamsError, UserError
from pipeline.experiments.combiner import Combiner, Layout, Numbers
from pipeline.experiments.fusion_fitting import restored
from pipeline.experiments.predictions import write_json
from pipeline.strict import Strict, validate

CARD = "card.json"
BRANCHES = "branches"
FORMAT: Final = "ser-fusion/1"

Card = TypeVar("Card", bound=Strict)

CURE = "copy the whole folder again, or make it anew with `dvc repro`"


class FusionCard(Strict):
    """What a fitted fusion says of itself."""

    format: Literal["ser-fusion/1"]
    name: str
    system: str
    corpus: str
    params: FusionParams
    classes: list[str] = Field(min_length=2, description="C emotions")
    folds: list[list[str]] = Field(min_length=1, description="for each fold, the emotions in the labels fitted on")
    seed: int = Field(ge=0)
    random_backbone: bool
    speaker_dependent: bool
    transductive: bool

    @field_validator("params")
    @classmethod
    def _branches_are_names(cls, params: FusionParams) -> FusionParams:
        problems = filter(None, map(name_problem, params.of))
        if problem := next(problems, None):
            raise ValueError(problem)
        return params

    @model_validator(mode="after")
    def _folds_are_of_its_classes(self) -> "FusionCard":
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("an emotion stands twice")
        for number, fitted in enumerate(self.folds):
            if not fitted or fitted != [name for name in self.classes if name in fitted]:
                raise ValueError(f"the emotions of fold {number} are not some of the classes, in their order")
        return self

    def layout(self, fold: int) -> Layout:
        """What the numbers of a fold are about."""
        fitted = tuple(self.classes.index(name) for name in self.folds[fold])
        return Layout(len(self.params.of), len(self.classes), fitted)


@dataclass(frozen=True)
class FittedFusion:
    """A fusion fitted fold by fold.

    Attributes:
        card: what it is.
        folds: what was fitted, for each fold.
    """

    card: FusionCard
    folds: Sequence[Combiner]

    def write(self, folder: Path, sources: Mapping[str, Path]) -> None:
        """Write the folder, in the place of what is there; the card comes last, so that without one it is not whole.

        Args:
            folder: the folder.
            sources: branch -> folder of its models, or of the fusion that it is.

        Raises:
            UserError: a branch has no models, or two branches hold different ones of one name.
        """
        shutil.rmtree(folder, ignore_errors=True)
        for name in self.card.params.of:
            _add_branch(name, sources[name], folder / BRANCHES)
        for number, combiner in enumerate(self.folds):
            _write_numbers(numbers_file(folder, number), combiner.numbers)
        write_json(folder / CARD, self.card.model_dump(mode="json") | {"params": self.card.params.used()})

    @classmethod
    def read(cls, folder: Path) -> "FittedFusion":
        """Read the card and the numbers of a folder; its branches are the reader's to read.

        Raises:
            UserError: a file is missing or damaged; it is named.
        """
        card = validated_card(FusionCard, read_card(folder), folder)
        return cls(card, [_read_fold(card, number, folder) for number in range(len(card.folds))])


def numbers_file(folder: Path, fold: int) -> Path:
    """The file of one fold, in a folder of models or of a fusion."""
    return folder / f"fold_{fold:02d}.safetensors"


def read_card(folder: Path) -> dict[str, Any]:
    """What a folder's `card.json` says, be it of trained models or of a fusion.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {CURE}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: is no card of trained models ({error}); {CURE}") from error
    if not isinstance(card, dict):
        raise UserError(f"{path}: is no card of trained models; {CURE}")
    return card


def validated_card(kind: type[Card], card: Mapping[str, Any], folder: Path) -> Card:
    """A card by its schema.

    Raises:
        UserError: it does not follow it; the first mistake is named.
    """
    try:
        return validate(kind, card)
    except ParamsError as error:
        problem = str(error).splitlines()[0]
        raise UserError(f"{folder / CARD}: is no card of trained models ({problem}); {CURE}") from error


def _read_fold(card: FusionCard, fold: int, folder: Path) -> Combiner:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = numbers_file(folder, fold)
    try:
        return restored(card.params, load(path.read_bytes()), card.layout(fold))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {CURE}") from error
    except (SafetensorError, LookupError, TypeError, ValueError) as error:
        raise UserError(f"{path}: does not hold the numbers of {card.system} ({error}); {CURE}") from error


def _write_numbers(path: Path, numbers: Numbers) -> None:
    from safetensors.numpy import save

    with atomic_path(path) as temporary:
        temporary.write_bytes(save(dict(numbers)))


def _add_branch(name: str, source: Path, shelf: Path) -> None:
    """Copy a branch to `shelf/name`, and what it has branches of itself beside it."""
    count = len(read_card(source).get("folds", []))
    _copied([source / CARD, *(numbers_file(source, number) for number in range(count))], shelf / name)
    for below in sorted((source / BRANCHES).glob("*")):
        _copied(sorted(below.iterdir()), shelf / below.name)


def _copied(files: Sequence[Path], folder: Path) -> None:
    for file in files:
        copy = folder / file.name
        if not file.is_file():
            raise UserError(f"{file}: is missing; `dvc repro` makes it")
        if copy.is_file() and not filecmp.cmp(file, copy, shallow=False):
            raise UserError(f"{file.parent}: another branch holds an older one; `dvc repro` brings all up to date")
        if not copy.is_file():
            with atomic_path(copy) as temporary:
                shutil.copyfile(file, temporary)
