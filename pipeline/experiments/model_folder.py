"""What folders of trained models and of fusions have in common: a card, and a file of numbers for each fold.

They are read as data of a stranger: nothing of them names a file outside the folder, and nothing is run.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

from pipeline import paths
from pipeline.config.experiments import check_class_name
from pipeline.config.references import name_problem
from pipeline.errors import ParamsError, UserError
from pipeline.storage.joined import AND
from pipeline.strict import Strict, validate

CARD = "card.json"
CARD_BYTES = 1 << 20
"""of a card, at most"""
NUMBERS_BYTES = 1 << 34
"""of one fold's file, at most: the largest pretrained encoders of speech have half as many"""
HOLES_BYTES = 1 << 28
"""a larger file has its bytes on the disk, or nearly all of it is a hole, which would be read for minutes"""
LARGEST_NUMBER = 1 << 63
"""of whole numbers in a card"""
IN_CACHE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}")
"""how the path of a file in DVC's cache ends, which its digest names"""
CURE = "copy the whole folder again, or make it anew with `dvc repro` or `ser export`"

Card = TypeVar("Card", bound=Strict)


def check_name(name: str) -> str:
    """The name, which could be a part of a file's name.

    Raises:
        ValueError: it could not.
    """
    if problem := name_problem(name):
        raise ValueError(problem)
    return name


def _check_classes(classes: list[str]) -> list[str]:
    for name in classes:
        check_class_name(name)
    if len(set(classes)) < len(classes):
        raise ValueError("an emotion stands twice")
    return classes


def _check_corpora(title: str) -> str:
    for corpus in title.split(AND):
        check_name(corpus)
    return title


Name = Annotated[str, AfterValidator(check_name)]
CorpusTitle = Annotated[str, AfterValidator(_check_corpora)]
"""the name of a corpus, or of several, as `labelled.corpus_title` has them"""
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


def check_inside(path: Path, folder: Path) -> None:
    """Refuse a link that leads out of a folder, which itself may be one.

    Those of the project's own models may lead to DVC's cache (`cache.type: symlink`).

    Raises:
        UserError: it does.
    """
    try:
        real, inside = path.resolve(), folder.resolve()
    except (OSError, RuntimeError) as error:  # a link to itself, before Python 3.13
        raise UserError(f"{path}: cannot be read ({error}); {CURE}") from error
    own = inside.is_relative_to(paths.models("").resolve())
    if not real.is_relative_to(inside) and not (own and IN_CACHE.fullmatch("/".join(real.parts[-2:]))):
        raise UserError(f"{path}: is a link out of the folder; copy what it leads to (`cp -rL`), if you trust that")


def checked_numbers(folder: Path, fold: int, wanted: str, most: int = NUMBERS_BYTES) -> Path:
    """One fold's file, which is read block by block.

    Args:
        folder: of models or of a fusion.
        fold: its number.
        wanted: the digest.
        most: bytes that such a file has.

    Raises:
        UserError: it is not there, larger than it can be, or not the one that the card was written for.
    """
    path = numbers_file(folder, fold)
    check_inside(path, folder)
    if not path.is_file():
        raise UserError(f"{path}: is missing; {CURE}")
    try:
        _check_size(path, most)
        with path.open("rb") as file:
            own = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {CURE}") from error
    if own != wanted:
        raise UserError(f"{path}: is not the file that {CARD} was written for (its digest is another); {CURE}")
    return path


def _check_size(path: Path, most: int) -> None:
    status = path.stat()
    stored = 512 * getattr(status, "st_blocks", status.st_size)  # not on Windows
    if status.st_size > most:
        raise UserError(f"{path}: has {status.st_size} bytes, and {most} are the most; {CURE}")
    if status.st_size > max(HOLES_BYTES, 100 * stored):
        raise UserError(f"{path}: says {status.st_size} bytes, and {stored} are on the disk; {CURE}")


def read_card(folder: Path, name: str = CARD) -> dict[str, Any]:
    """What a folder's `card.json`, or another card, says, be it of trained models or of a fusion.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = folder / name
    check_inside(path, folder)
    try:
        if path.is_file() and path.stat().st_size > CARD_BYTES:
            raise ValueError(f"it has more than {CARD_BYTES} bytes")
        if path.exists() and not path.is_file():
            raise ValueError("it is no regular file")
        text = path.read_text(encoding="utf-8")
        card = json.loads(text, object_pairs_hook=_each_once, parse_int=_whole, parse_constant=_no_number)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {CURE}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: is no card of trained models ({error}); {CURE}") from error
    if not isinstance(card, dict):
        raise UserError(f"{path}: is no card of trained models; {CURE}")
    return card


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping of JSON, which has each key once: readers differ in which of two they take."""
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {max(keys, key=keys.count)!r} stands twice")
    return mapping


def _whole(text: str) -> int:
    if len(text) > len(str(LARGEST_NUMBER)) or not -LARGEST_NUMBER <= int(text) < LARGEST_NUMBER:
        raise ValueError(f"the number {text[:20]}... has more than 64 bits")
    return int(text)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def validated_card(kind: type[Card], card: Mapping[str, Any], folder: Path, name: str = CARD) -> Card:
    """A card by its schema.

    Raises:
        UserError: it does not follow it; the first mistake is named.
    """
    try:
        return validate(kind, card)
    except ParamsError as error:
        problem = str(error).split("\n")[0].removeprefix("the file: ")
        raise UserError(f"{folder / name}: is no card of trained models ({problem}); {CURE}") from error
