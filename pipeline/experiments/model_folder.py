"""What folders of trained models and of fusions have in common: a card, and a file of numbers for each fold.

They are read as data of a stranger: nothing of them names a file outside the folder, and nothing is run.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

from pipeline.config.experiments import check_class_name
from pipeline.config.references import name_problem
from pipeline.errors import ParamsError, UserError
from pipeline.strict import Strict, validate

CARD = "card.json"
CARD_BYTES = 1 << 20
"""of a card, at most"""
CURE = "copy the whole folder again, or make it anew with `dvc repro`"

Card = TypeVar("Card", bound=Strict)


def _check_name(name: str) -> str:
    if problem := name_problem(name):
        raise ValueError(problem)
    return name


def _check_classes(classes: list[str]) -> list[str]:
    for name in classes:
        check_class_name(name)
    if len(set(classes)) < len(classes):
        raise ValueError("an emotion stands twice")
    return classes


Name = Annotated[str, AfterValidator(_check_name)]
Classes = Annotated[list[str], AfterValidator(_check_classes)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="hex SHA-256 of a file")]


def check_folds(folds: Sequence[Sequence[str]], classes: Sequence[str], weights: Sequence[str]) -> None:
    """Refuse folds that are not of some classes, in their order, with a file each.

    Raises:
        ValueError: they are not.
    """
    for number, fitted in enumerate(folds):
        if not fitted or list(fitted) != [name for name in classes if name in fitted]:
            raise ValueError(f"the emotions of fold {number} are not some of the classes, in their order")
    if len(weights) != len(folds):
        raise ValueError(f"has digests of {len(weights)} files, and {len(folds)} folds")


def numbers_file(folder: Path, fold: int) -> Path:
    """The file of one fold, in a folder of models or of a fusion."""
    return folder / f"fold_{fold:02d}.safetensors"


def digest(data: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def checked_numbers(folder: Path, fold: int, wanted: str) -> bytes:
    """The bytes of one fold's file.

    Raises:
        UserError: it is not there, or not the one that the card was written for.
    """
    path = numbers_file(folder, fold)
    if not path.is_file():
        raise UserError(f"{path}: is missing; {CURE}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {CURE}") from error
    if digest(data) != wanted:
        raise UserError(f"{path}: is not the file that {CARD} was written for (its digest is another); {CURE}")
    return data


def read_card(folder: Path) -> dict[str, Any]:
    """What a folder's `card.json` says, be it of trained models or of a fusion.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = folder / CARD
    try:
        if path.is_file() and path.stat().st_size > CARD_BYTES:
            raise ValueError(f"it has more than {CARD_BYTES} bytes")
        if path.exists() and not path.is_file():
            raise ValueError("it is no regular file")
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
        problem = str(error).split("\n")[0]
        raise UserError(f"{folder / CARD}: is no card of trained models ({problem}); {CURE}") from error
