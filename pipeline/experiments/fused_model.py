"""A fitted fusion as a folder that can be copied anywhere.

`data/models/FUSION/` has

- `card.json`: what it is a fusion of, by which method, and what a reader must know to judge it (`FusionCard`);
- `fold_NN.safetensors`: the fitted numbers of each fold;
- `branches/NAME/`: the models of each experiment below it, and the card and numbers of each fusion below it, side by
  side, so that what two branches share is there once.

It is read as `model_folder.py` says.
"""

import filecmp
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.atomic import atomic_path
from pipeline.config.fusions import FusionParams
from pipeline.config.references import name_problem
from pipeline.errors import UserError
from pipeline.experiments.combiner import Combiner, Layout, Numbers
from pipeline.experiments.fusion_fitting import restored
from pipeline.experiments.model_folder import (
    CARD,
    CURE,
    Classes,
    CorpusTitle,
    Digest,
    Name,
    check_folds,
    checked_numbers,
    numbers_file,
    read_card,
    validated_card,
)
from pipeline.storage.json_file import write_json
from pipeline.storage.sole_writer import sole_writer
from pipeline.strict import Strict

BRANCHES = "branches"
FORMAT: Final = "ser-fusion/2"
NUMBERS_BYTES = 1 << 28
"""of one fold's file, at most: a forest of 500 trees has a few MB"""


def system_name(params: FusionParams) -> str:
    """What a fusion is called among systems."""
    return f"fusion ({params.label})"


class FusionCard(Strict):
    """What a fitted fusion says of itself."""

    format: Literal["ser-fusion/2"]
    name: Name
    system: str
    corpus: CorpusTitle
    params: FusionParams
    classes: Classes = Field(min_length=2, description="C emotions")
    folds: list[list[str]] = Field(min_length=1, description="for each fold, the emotions in the labels fitted on")
    seed: int = Field(ge=0)
    random_backbone: bool
    speaker_dependent: bool
    transductive: bool
    weights: list[Digest] = Field(description="of each fold's file")

    @field_validator("params")
    @classmethod
    def _branches_are_names(cls, params: FusionParams) -> FusionParams:
        problems = filter(None, map(name_problem, params.of))
        if problem := next(problems, None):
            raise ValueError(problem)
        return params

    @model_validator(mode="after")
    def _system_is_its_method(self) -> "FusionCard":
        if self.system != (wanted := system_name(self.params)):
            raise ValueError(f"the system is {self.system!r}, and its params are of {wanted!r}")
        return self

    @model_validator(mode="after")
    def _folds_are_of_its_classes(self) -> "FusionCard":
        check_folds(self.folds, self.classes, self.weights)
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
        with sole_writer(folder):
            shutil.rmtree(folder, ignore_errors=True)
            for name in self.card.params.of:
                _add_branch(name, sources[name], folder / BRANCHES)
            for number, combiner in enumerate(self.folds):
                with atomic_path(numbers_file(folder, number)) as temporary:
                    temporary.write_bytes(encoded(combiner.numbers))
            write_json(folder / CARD, self.card.model_dump(mode="json") | {"params": self.card.params.used()})

    @classmethod
    def read(cls, folder: Path) -> "FittedFusion":
        """Read the card and the numbers of a folder; its branches are the reader's to read.

        Raises:
            UserError: a file is missing or damaged; it is named.
        """
        card = validated_card(FusionCard, read_card(folder), folder)
        return cls(card, [_read_fold(card, number, folder) for number in range(len(card.folds))])


def encoded(numbers: Numbers) -> bytes:
    """Numbers as their file has them."""
    from safetensors.numpy import save

    return bytes(save(dict(numbers)))


def _read_fold(card: FusionCard, fold: int, folder: Path) -> Combiner:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = checked_numbers(folder, fold, card.weights[fold], NUMBERS_BYTES)
    try:
        return restored(card.params, load(path.read_bytes()), card.layout(fold))
    except (SafetensorError, LookupError, OSError, TypeError, ValueError) as error:
        raise UserError(f"{path}: does not hold the numbers of {card.system} ({error}); {CURE}") from error


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
