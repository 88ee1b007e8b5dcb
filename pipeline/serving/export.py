"""Exports: the models of an experiment or a fusion with all that a user elsewhere must know (see `export_card.py`)."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline import paths
from pipeline.audio.keys import source_key
from pipeline.config.params import Params
from pipeline.corpora import find_reader, manifest
from pipeline.corpora.manifest import Row
from pipeline.errors import ParamsError, UserError, nearest
from pipeline.evaluation.dimensions import check_values
from pipeline.evaluation.evaluation import score
from pipeline.evaluation.leaks import check_leaks
from pipeline.evaluation.origin import check_origin
from pipeline.experiments.classes import class_set
from pipeline.experiments.fused_model import BRANCHES
from pipeline.experiments.joint_corpora import corpora_of, rows_of
from pipeline.experiments.labelled import datasets_of
from pipeline.experiments.model_folder import CARD, digest, numbers_file, read_card
from pipeline.experiments.predictions import Predictions
from pipeline.experiments.selection import selected
from pipeline.experiments.values import Values
from pipeline.features.ssl.streams import TINY
from pipeline.report.marks import notes_of, whole_note
from pipeline.serving.archive import MEMBER, ZIP, names_in, pack
from pipeline.serving.backbones import HUB_NAME, backbones_here
from pipeline.serving.export_card import (
    EXPORT,
    FORMAT,
    LICENCE_PAGE,
    PAGE,
    Corpus,
    ExportCard,
    ExportFacts,
    Kind,
    Pretrained,
    Score,
)
from pipeline.serving.export_reading import trained
from pipeline.serving.model_page import licence_page, model_page
from pipeline.serving.models import FusedModel, Model, read_models
from pipeline.serving.onnx.export import NumberFormat, add_onnx, check_onnx
from pipeline.serving.onnx.exportable import longest_clip, rate_of
from pipeline.serving.onnx.heard import Heard, heard
from pipeline.serving.refit import refit
from pipeline.serving.trained_model import TrainedModel
from pipeline.serving.value_export import value_card
from pipeline.serving.value_export_card import ValueExportCard
from pipeline.serving.value_model import AnyModel, predicts_numbers, read_any
from pipeline.serving.value_page import value_page
from pipeline.storage.json_file import write_json

ARCHIVES = [ending for _, endings, _ in shutil.get_unpack_formats() for ending in endings if ending != ZIP]
"""how archives end that an export is not"""
NEEDED = ("name", "system", "corpus", "protocol", "params", "seed")
"""keys of the card of what was cross-validated"""
LISTS = ("file", "folder")
"""of a protocol, where lists of others lie"""


@dataclass(frozen=True)
class Measured:
    """What a cross-validation left, with the recordings that it was on, and the models that are exported."""

    predictions: Predictions | Values
    rows: list[Row]
    models: Kind

    @classmethod
    def read(cls, name: str, models: Kind) -> "Measured":
        """Read it, and check that nothing leaked.

        Raises:
            UserError: a file is missing, or something leaked.
        """
        of_numbers = predicts_numbers(paths.models(name))
        predictions = (Values if of_numbers else Predictions).read(paths.predictions(name))
        if lacking := [key for key in NEEDED if key not in predictions.card]:
            raise UserError(f"{paths.predictions(name) / CARD}: has no {lacking[0]}; `dvc repro` makes it")
        corpora = corpora_of(predictions.card)
        rows = rows_of(predictions.card, {corpus: manifest.read(paths.manifest(corpus)) for corpus in corpora})
        if isinstance(predictions, Values):
            check_values(name, predictions, rows)
        else:
            check_origin(name, predictions, rows)
            check_leaks(name, predictions, rows)
        return cls(predictions, rows, models)

    @property
    def trained_on(self) -> list[Row]:
        """The recordings of the corpora tested that any fold was trained or chosen on; of a refitted model all."""
        folds, parts = self.predictions.folds, ["train", "validation", *["test"] * (self.models == "refitted")]
        keys = {source_key(key) for fold in folds for part in parts for key in fold[part]}
        return [row for row in self.rows if row.key in keys]

    @property
    def heard(self) -> list[Row]:
        """The same, and of a transfer those that its source was trained on, where models began with that.

        Raises:
            UserError: a file of the source is missing, or something leaked.
        """
        origin = self.predictions.card.get("transfer") or {"weights": "fresh"}
        known = [] if origin["weights"] == "fresh" else Measured.read(origin["source"], "folds").heard
        return [*known, *self.trained_on]

    @property
    def tested(self) -> int:
        """How many recordings the scores are of."""
        return len({source_key(self.predictions.keys[i]) for i in self.predictions.where("test")})

    def recordings(self, source: Model | FusedModel) -> Heard:
        """Some of those trained on, with their classes, for a graph of these models to be checked on."""
        card, trained_on = self.predictions.card, {row.key for row in self.trained_on}
        rows = class_set(selected(self.rows, card.get("only")), card.get("emotions"))
        known = [row for row in rows if row.key in trained_on]
        return heard(known, corpora_of(card), rate_of(source), longest_clip(source))


def export(
    params: Params, name: str, out: Path, models: Kind, number_format: NumberFormat | None = None
) -> ExportFacts:
    """Export an experiment or a fusion of the project in the working folder.

    Args:
        params: of the project.
        name: the experiment's or the fusion's.
        out: the folder to make, or the .zip; an older export is replaced.
        models: the folds' models, or one refitted on all.
        number_format: of an ONNX graph besides; None for no such graph.

    Raises:
        ParamsError: params.yaml has nothing of that name.
        UserError: it is not trained, or cannot be exported.
    """
    check_name(params, name)
    if not (paths.models(name) / CARD).is_file():
        raise UserError(f"{name}: is not trained yet; `dvc repro` trains it")
    if number_format is not None:
        check_onnx(_of_classes(name))
    measured = Measured.read(name, models)
    with TemporaryDirectory(prefix="ser-export-") as scratch:
        folder = Path(scratch) / "export"
        _collect(params, name, Path(scratch), folder, models)
        source = read_any(folder)
        _check_same(source, measured.predictions, models)
        card = _card(params, source, measured)
        page = model_page(card) if isinstance(card, ExportCard) else value_page(card)
        write_json(folder / EXPORT, card.model_dump(mode="json"))
        for file, text in {PAGE: page, LICENCE_PAGE: licence_page(card)}.items():
            if text is not None:
                (folder / file).write_text(text, encoding="utf-8", newline="\n")
        if number_format is not None and isinstance(card, ExportCard):
            own = paths.models(name) if models == "folds" else Path(scratch) / "refitted" / name
            graphed, backbones = read_models(own), backbones_here(None, download=False)
            add_onnx(folder, graphed, backbones, card, number_format, measured.recordings(graphed))
        _put(folder, out)
    return card


def _of_classes(name: str) -> Model | FusedModel:
    """The models of an experiment or a fusion of the project, of which a graph can be made.

    Raises:
        UserError: they predict numbers.
    """
    if predicts_numbers(paths.models(name)):
        raise UserError(f"--onnx: {name} predicts numbers, and a graph gives probabilities; leave it out")
    return read_models(paths.models(name))


def check_name(params: Params, name: str) -> None:
    """Refuse a name that no models have.

    Raises:
        ParamsError: params.yaml has nothing of that name, or a zero-shot transfer, which its source's models make.
    """
    trained_here = (path.parent.name for path in paths.models("").glob(f"*/{CARD}"))
    known = [*dict.fromkeys([*params.experiments, *params.fusions, *sorted(trained_here)])]
    if name in known:
        return
    transfer = params.transfers.get(name)
    if transfer is not None and not transfer.share:
        source = transfer.source
        raise ParamsError(f"{name}: is zero-shot, and has no models but those of its source; `ser export {source}`")
    known += params.transfers
    if name not in known:
        others = ", ".join(dict.fromkeys(known)) or "none"
        raise ParamsError(f"{name}: is no experiment or fusion of params.yaml{nearest(name, known)}; known: {others}")


def check_place(out: Path) -> None:
    """Refuse a place that an export cannot be written to, or that holds something else.

    Raises:
        ParamsError: its name is of no folder and no .zip.
        UserError: it is such a place.
    """
    _check_form(out)
    if out.is_dir() and out.suffix.lower() != ZIP:
        _check_replaceable(out, [path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()])
        paths.check_writable("--to", out / EXPORT)
        return
    paths.check_writable("--to", out, example=f"model{ZIP}")
    if os.path.lexists(out):
        _check_replaceable(out, names_in(out))


def _check_form(out: Path) -> None:
    """Refuse a name that would become a folder, and says something else."""
    if out.name in ("", ".."):
        raise ParamsError(f"--to {out}: names nothing to make; give a folder, as exports/mine, or FILE{ZIP}")
    ending = next((ending for ending in ARCHIVES if out.name.lower().endswith(ending)), ZIP)
    if ending != ZIP:
        raise ParamsError(f"--to {out}: exports are folders or {ZIP} files, not {ending}; give FILE{ZIP}, or a folder")


def _check_replaceable(out: Path, names: Sequence[str]) -> None:
    """Refuse to replace what holds, by the names of its files, no export or something besides."""
    foreign = [name for name in names if not MEMBER.fullmatch(name)]
    what = "a folder" if out.is_dir() else "a file"
    if foreign or (EXPORT not in names and (names or not out.is_dir())):
        besides = f" ({sorted(foreign)[0]!r})" if foreign else ""
        raise UserError(f"--to {out}: is {what} that holds something else than an export{besides}; give another name")


def _collect(params: Params, name: str, scratch: Path, folder: Path, models: Kind) -> None:
    """Put the models into a folder, as data/models/NAME has them, with no path of this machine in their cards."""
    if models == "refitted":
        refit(params, name, scratch / "refitted")
    source = paths.models(name) if models == "folds" else scratch / "refitted" / name
    for own in (Path(), *(Path(BRANCHES) / each.name for each in sorted((source / BRANCHES).glob("*")))):
        card = read_card(source / own)
        (folder / own).mkdir(parents=True)
        for number in range(len(card["weights"])):
            shutil.copyfile(numbers_file(source / own, number), numbers_file(folder / own, number))
        write_json(folder / own / CARD, without_places(card))


def without_places(card: Mapping[str, Any]) -> dict[str, Any]:
    """A card whose self-supervised models and lists have the names of their folders, without where these lie."""
    changed = dict(card)
    if "protocol" in card:
        changed["protocol"] = _without_place(card["protocol"])
    if isinstance(card["params"].get("model"), str):
        changed["params"] = card["params"] | {"model": _name(card["params"]["model"])}
    if "features" in card:
        changed["features"] = {role: _placeless(recipe) for role, recipe in card["features"].items()}
    return changed


def _without_place(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """A protocol whose lists have their own name alone."""
    given = {key: protocol[key] for key in LISTS if protocol.get(key)}
    return {**protocol, **{key: Path(place).absolute().name or place for key, place in given.items()}}


def _placeless(recipe: Mapping[str, Any]) -> dict[str, Any]:
    params = recipe["params"]
    return {**recipe, "params": params | {"model": _name(params["model"])} if "model" in params else params}


def _name(model: str) -> str:
    is_place = not HUB_NAME.fullmatch(model) or Path(model).is_dir()
    return Path(model).resolve().name if is_place and model != TINY else model


def _check_same(source: AnyModel, predictions: Predictions | Values, models: Kind) -> None:
    """Refuse models of another training than the predictions that the scores are of."""
    own, card = source.card, predictions.card
    columns = predictions.targets if isinstance(predictions, Values) else predictions.classes
    ours = [own.name, own.system, own.corpus, own.seed, source.columns]
    theirs = [*(card[key] for key in ("name", "system", "corpus", "seed")), columns]
    if ours != theirs or (models == "folds" and not _as_many(source, predictions)):
        raise UserError(f"{own.name}: its models are of another training than its predictions; run `dvc repro`")


def _as_many(source: AnyModel, predictions: Predictions | Values) -> bool:
    """Whether there is a model for every fold; each draw of a transfer tunes all models of its source."""
    folds = len(predictions.folds)
    return source.count % folds == 0 if predictions.card.get("transfer") else source.count == folds


def _card(params: Params, source: AnyModel, measured: Measured) -> ExportCard | ValueExportCard:
    facts, predictions = _facts(params, source, measured), measured.predictions
    if isinstance(predictions, Values):
        return value_card(facts, predictions, measured.heard, params)
    scores = _scores(params, predictions, measured.rows)
    untested = [name for name in source.columns if name in predictions.card.get("untested", [])]
    return ExportCard(format=FORMAT, classes=source.columns, untested=untested, scores=scores, **facts)


def _facts(params: Params, source: AnyModel, measured: Measured) -> dict[str, Any]:
    """What exports say of classes and of numbers alike: the fields of `ExportFacts`."""
    card, leaves, known = measured.predictions.card, source.leaves(), measured.heard
    synthetic = {name for name, corpus in params.corpora.items() if corpus.reader == "demo"}
    return {
        "name": source.card.name,
        "models": measured.models,
        "count": source.count,
        "system": source.card.system,
        "experiments": {model.card.name: trained(model) for model in leaves},
        "pretrained": _pretrained(leaves),
        "corpora": [_corpus(params, name, known) for name in datasets_of(known)],
        "tested_on": corpora_of(card),
        "utterances": len(known),
        "speakers": len({(row.dataset, row.speaker) for row in known if row.speaker}),
        "protocol": _without_place(card["protocol"]),
        "folds": len(measured.predictions.folds),
        "tested": measured.tested,
        "confidence": params.scoring.confidence,
        "marks": {mark: whole_note(mark, card) for mark in notes_of(card, synthetic)},
        "cards": {path: digest((source.folder / path).read_bytes()) for path in _cards(source.folder)},
    }


def _cards(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(CARD))


def _pretrained(leaves: Sequence[TrainedModel[Any]]) -> list[Pretrained]:
    recipes = [recipe for model in leaves for recipe in model.card.features.values() if recipe.weights]
    digests = {(str(recipe.params["model"]), recipe.weights) for recipe in recipes}
    known = {model for model, _ in digests}
    systems = {str(model.card.params.get("model", TINY)) for model in leaves}  # that hear through one themselves
    needed = {*digests, *((model, "") for model in systems - known)}
    return [Pretrained(model=model, weights=weights) for model, weights in sorted(needed) if model != TINY]


def _corpus(params: Params, name: str, trained_on: Sequence[Row]) -> Corpus:
    reader = find_reader(params.entry("corpora", name).reader)
    languages = sorted({row.language for row in trained_on if row.dataset == name} - {""})
    return Corpus(name=name, title=reader.title, licence=reader.licence, source=reader.source, languages=languages)


def _scores(params: Params, predictions: Predictions, rows: Sequence[Row]) -> dict[Any, Score]:
    speakers = {row.key: row.speaker for row in rows}
    known = score(predictions, speakers, params.scoring, params.seed)
    return {
        name: Score(value=known["scores"][name], low=interval[0], high=interval[1])
        for name, interval in known["interval"].items()
    }


def _put(folder: Path, out: Path) -> None:
    """Write the folder to its place, in the stead of an older export; through a link to where that is."""
    if out.suffix.lower() == ZIP:
        pack(folder, out)
        return
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_name(f".{out.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        shutil.copytree(folder, fresh)
        shutil.rmtree(out, ignore_errors=True)
        fresh.rename(out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
