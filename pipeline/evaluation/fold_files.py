"""Fold files of all kinds, for the audit: EmoBox's lists, tables, and what an experiment leaves behind."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.audio.keys import source_key
from pipeline.corpora.fold_lists import PARTS, FoldList, Listed, check_parts, read_emobox, read_table
from pipeline.errors import UserError, nearest
from pipeline.experiments.predictions import Predictions
from pipeline.experiments.values import FILE, Values

FOLDS = "folds.json"


@dataclass(frozen=True)
class Audited:
    """Folds to be looked at.

    Attributes:
        folds: who is in which part.
        twins: key -> the key of the same recording, as far as predictions know.
        manifest: of the corpus, where the working folder's project has it.
        splits: how often the folds test the whole corpus, as far as predictions know.
    """

    folds: list[FoldList]
    twins: Mapping[str, str] = field(default_factory=dict)
    manifest: Path | None = None
    splits: int = 1


def read_folds(path: Path) -> Audited:
    """The folds of a file or folder.

    Args:
        path: a folder of EmoBox's lists, a CSV, a `folds.json` or a folder with one, or an experiment of the project
            in the working folder.

    Raises:
        UserError: it is none of these, or damaged.
    """
    if not path.exists() and (paths.predictions(str(path)) / FOLDS).is_file():
        path = paths.predictions(str(path))
    if path.is_dir():
        return _of_predictions(path) if (path / FOLDS).is_file() else Audited(read_emobox(path))
    if path.suffix.lower() == ".json":
        return Audited(_of_json(path, {}))
    if not path.exists():
        raise UserError(f"{path}: does not exist; give a folder of EmoBox's lists, a CSV, or an experiment")
    return Audited(read_table(path))


def _of_predictions(folder: Path) -> Audited:
    found = Values.read(folder) if (folder / FILE).is_file() else Predictions.read(folder)
    speakers = {source_key(key): speaker for key, speaker in zip(found.keys, found.speakers, strict=True)}
    own = folder.resolve().parent == paths.predictions("").resolve()
    manifest = paths.manifest(str(found.card.get("corpus", "")))
    known = manifest if own and manifest.is_file() else None
    return Audited(_of_json(folder / FOLDS, speakers), found.card.get("twins", {}), known, found.splits)


def _of_json(path: Path, speakers: dict[str, str]) -> list[FoldList]:
    """The folds of a `folds.json`; noisy copies are their sources."""
    paths.check_regular(path)
    try:
        folds: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({str(error)[:80]}); `dvc repro` makes it") from error
    if not isinstance(folds, list) or not folds or not all(_is_fold(fold) for fold in folds):
        raise UserError(f"{path}: should be a list of folds, each with the keys in train, validation and test")
    for number, fold in enumerate(folds):
        if unknown := min(fold.keys() - {*PARTS}, default=""):
            near = nearest(unknown, PARTS)
            raise UserError(f"{path}: fold {number}: {unknown[:80]!r} is no part{near}; parts are {', '.join(PARTS)}")
    lists = [
        FoldList(
            str(number),
            **{
                part: tuple(Listed(key, str(path), speaker=speakers.get(key, "")) for key in _sources(fold, part))
                for part in PARTS
            },
        )
        for number, fold in enumerate(folds)
    ]
    check_parts(path, lists)
    return lists


def _sources(fold: Mapping[str, Sequence[str]], part: str) -> list[str]:
    """The utterances of a part, without their copies; one that is there twice stays so."""
    times: dict[str, int] = {}
    for key, count in Counter(fold.get(part, [])).items():
        times[source_key(key)] = max(times.get(source_key(key), 0), count)
    return [key for key, count in times.items() for _ in range(count)]


def _is_fold(fold: Any) -> bool:
    if not isinstance(fold, dict) or not {"train", "test"} <= fold.keys():
        return False
    parts = [fold.get(part, []) for part in PARTS]
    return all(isinstance(part, list) and all(isinstance(key, str) for key in part) for part in parts)
