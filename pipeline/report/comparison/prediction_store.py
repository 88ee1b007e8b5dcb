"""Predictions of any revision: those of a commit come from DVC's cache, by the digests in its dvc.lock."""

import shutil
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from pipeline import paths
from pipeline.errors import UserError
from pipeline.experiments.predictions import FILES, Predictions
from pipeline.graph import dvc_lock
from pipeline.graph.dvc_yaml import LOADER
from pipeline.report.comparison.revisions import Revision, WorkingFolder

if TYPE_CHECKING:
    from dvc_data.hashfile.db import HashFileDB


class PredictionStore:
    """Reads predictions; DVC's cache is opened when the first of a commit are asked for."""

    def __init__(self) -> None:
        self._recorded: dict[str, Mapping[str, str]] = {}

    def read(self, revision: Revision, name: str) -> Predictions:
        """The predictions of an experiment or a fusion.

        Raises:
            UserError: they are not in the working folder, or for a commit not in its dvc.lock or not in the cache; or
                they are damaged or of a program that wrote other files.
        """
        folder = paths.predictions(name)
        if isinstance(revision, WorkingFolder):
            return Predictions.read(folder)
        if revision.commit not in self._recorded:
            self._recorded[revision.commit] = _outputs(revision)
        digest = self._recorded[revision.commit].get(folder.as_posix())
        if digest is None:
            raise UserError(f"dvc.lock of {revision.name} has no {folder}")
        with TemporaryDirectory() as temporary:
            self._fetch(digest, Path(temporary), f"{folder} of {revision.name}")
            return Predictions.read(Path(temporary))

    def _fetch(self, digest: str, out: Path, what: str) -> None:
        """Copy the files of a folder from the cache."""
        from dvc_data.hashfile.hash_info import HashInfo
        from dvc_data.hashfile.tree import Tree
        from dvc_objects.errors import ObjectFormatError

        try:
            tree = Tree.load(self._cache, HashInfo("md5", digest))
            digests = {key[0]: entry.value for key, _, entry in tree if len(key) == 1}
            for name in FILES:
                shutil.copyfile(self._cache.oid_to_path(digests[name]), out / name)
        except FileNotFoundError as error:
            raise UserError(f"{what} is not in DVC's cache; `dvc fetch --all-commits` gets it") from error
        except (ObjectFormatError, KeyError) as error:
            raise UserError(f"{what} is damaged in DVC's cache, or of an older program") from error

    @cached_property
    def _cache(self) -> "HashFileDB":
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        try:
            with Repo() as repo:
                cache: HashFileDB = repo.cache.local
        except DvcException as error:
            raise UserError(f"DVC's cache cannot be opened ({' '.join(str(error).split())})") from error
        return cache


def _outputs(revision: Revision) -> Mapping[str, str]:
    """Output -> its digest, of all stages of the program's own in a revision's dvc.lock."""
    text = revision.read(dvc_lock.FILE)
    if text is None or not dvc_lock.is_whole(text):
        return {}
    stages = yaml.load(text, LOADER)["stages"]  # noqa: S506 - safe
    outputs = [output for stage in stages.values() for output in stage.get("outs", [])]
    return {output["path"]: output["md5"] for output in outputs if _is_present(output)}


def _is_present(output: Mapping[str, Any]) -> bool:
    """Whether an output is as DVC 3 writes it."""
    return isinstance(output.get("path"), str) and isinstance(output.get("md5"), str) and output.get("hash") == "md5"
