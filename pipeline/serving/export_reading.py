"""Exports, as folders and as .zip files: the one form that trained models are asked in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.errors import ParamsError, UserError, nearest
from pipeline.experiments.fused_model import BRANCHES
from pipeline.experiments.model_folder import (
    CARD,
    CARD_BYTES,
    check_inside,
    digest,
    read_card,
    validated_card,
)
from pipeline.serving.archive import ZIP, unpacked
from pipeline.serving.export_card import EXPORT, EXPORTS, ExportCard, ExportFacts, Trained
from pipeline.serving.models import TOP, FusedModel
from pipeline.serving.trained_model import TrainedModel
from pipeline.serving.value_export_card import FORMAT as VALUE_FORMAT
from pipeline.serving.value_export_card import ValueExportCard
from pipeline.serving.value_model import AnyModel, read_any

CURE = "copy the whole export again, or export it anew"


@contextmanager
def opened_model(name: str) -> Iterator[AnyModel]:
    """An exported model; of a .zip, until the end of the block.

    Args:
        name: what `ser export` made, a folder or a .zip.

    Raises:
        ParamsError: there is no export of that name.
        UserError: it is damaged, or its parts do not belong together; the part is named.
    """
    path = Path(name)
    if path.suffix.lower() == ZIP and not path.is_dir() and path.exists():
        with unpacked(path) as folder:
            yield _exported(folder)
    elif (path / EXPORT).exists():
        yield _exported(path)
    else:
        raise _no_export(name)


def read_export(folder: Path) -> ExportCard:
    """What an export of models of classes says of itself.

    Raises:
        UserError: its `model.json` cannot be read, or does not follow the schema.
    """
    return validated_card(ExportCard, read_card(folder, EXPORT), folder, EXPORT)


def _read_any_export(folder: Path) -> ExportFacts:
    if read_card(folder, EXPORT).get("format") == VALUE_FORMAT:
        return validated_card(ValueExportCard, read_card(folder, EXPORT), folder, EXPORT)
    return read_export(folder)


def _exported(folder: Path) -> AnyModel:
    """The models of an export, whose cards are those that it was made with; these know the files of numbers."""
    export = _read_any_export(folder)
    for name, wanted in export.cards.items():
        _check_card(folder, name, wanted)
    source = read_any(folder)
    own = (source.card.name, source.card.system, source.columns, source.count)
    leaves = {model.card.name: trained(model) for model in source.leaves()}
    same = own == (export.name, export.system, export.columns, export.count) and leaves == export.experiments
    if not same or {*export.cards} != _cards_read(source):
        raise UserError(f"{folder / EXPORT}: is of other models than {CARD}; {CURE}")
    return source


def _cards_read(source: AnyModel) -> set[str]:
    """The cards below an export that its models were read from: those that `model.json` must have the digests of."""
    names = [*source.models, *source.fusions] if isinstance(source, FusedModel) else [TOP]
    return {f"{BRANCHES}/{name}/{CARD}" if name else CARD for name in names}


def _check_card(folder: Path, name: str, wanted: str) -> None:
    path = folder / name
    check_inside(path, folder)
    if path.name != CARD or not path.is_file() or path.stat().st_size > CARD_BYTES:
        raise UserError(f"{path}: is missing, or no card; {CURE}")
    if digest(path.read_bytes()) != wanted:
        raise UserError(f"{path}: is not the card that {EXPORT} was written for (its digest is another); {CURE}")


def trained(model: TrainedModel[Any]) -> Trained:
    """What an export says of an experiment's models."""
    return Trained(system=model.card.system, params=model.card.params, features=model.card.features)


def _no_export(name: str) -> UserError:
    """What is to be done about a name that is no export's."""
    path = Path(name)
    inside = path.resolve().parent == paths.models("").resolve()
    own = path.name if inside or path.name == name else ""
    if own and (paths.models(own) / CARD).is_file():
        return _not_exported(name, own)
    if own and (source := _source_of(own)):
        return ParamsError(
            f"{name}: is zero-shot, and has no models but those of its source; give an export of {source}"
        )
    if path.exists():
        shape = "trained models" if (path / CARD).is_file() else "something else"
        return UserError(f"{name}: is {shape}, and no export (it has no {EXPORT}); `ser export NAME` makes one")
    return _unknown(name)


def _not_exported(name: str, own: str) -> ParamsError:
    place, what = EXPORTS / own, "a fusion" if (paths.models(own) / BRANCHES).is_dir() else "an experiment"
    is_there = (place / EXPORT).is_file()
    cure = f"give its export, {place}" if is_there else f"export it first: `ser export {own}`, then give {place}"
    return ParamsError(f"{name}: is {what} of this project; {cure}")


def _source_of(name: str) -> str:
    """The source of a transfer of this project that trained nothing; "" of all else."""
    folder = paths.predictions(name)
    return read_card(folder).get("transfer", {}).get("source", "") if (folder / CARD).is_file() else ""


def _unknown(name: str) -> ParamsError:
    exports = sorted(str(path.parent) for path in EXPORTS.glob(f"*/{EXPORT}")) + sorted(
        map(str, EXPORTS.glob(f"*{ZIP}"))
    )
    trained = sorted(path.parent.name for path in paths.models("").glob(f"*/{CARD}"))
    known = f"exports here: {', '.join(exports) or 'none'}; to be exported: {', '.join(trained) or 'none'}"
    return ParamsError(f"{name}: there is no such export{nearest(name, [*exports, *trained])}; {known}")
