"""Where a prediction takes self-supervised models from: never from a place that a stranger's card chose alone."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.config.params import FILE, Params
from pipeline.errors import UserError
from pipeline.experiments.model_folder import check_inside
from pipeline.features.ssl.streams import TINY

LONGEST_NAME = 1000
"""characters of a model's path or name"""
HUB_NAME = re.compile(r"([A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Backbones:
    """What the user allows; which model it is, its digest decides afterwards.

    Attributes:
        path: the folder of the model, in the place of what cards name.
        download: whether a hub model may be fetched; else it must be in the Hugging Face cache.
        own: what the user's own params.yaml calls its models: folders that are no stranger's choice. An export names
            them by their last part. It is asked for when a model is looked for, as reading params.yaml takes time.
    """

    path: Path | None = None
    download: bool = False
    own: Callable[[], frozenset[str]] = frozenset

    def place(self, name: str, models: Path, asker: str) -> str:
        """The folder of a self-supervised model, or `tiny`, which is made.

        Args:
            name: what the card calls it: `tiny`, a folder of the user's own project or below that of the card, or a
                name of the hub.
            models: the folder of the card.
            asker: the card and its key, for errors.

        Raises:
            UserError: it is elsewhere, has links that lead elsewhere, or the hub is not to be asked; or there is no
                such folder as the user gave.
        """
        if name == TINY:
            return name
        if self.path is not None:
            if not self.path.is_dir():
                raise UserError(f"--ssl-model {self.path}: there is no such folder; give that of the model {name!r}")
            return str(self.path)
        if (own := self._own_folder(name)) is not None:
            return own
        if problem := _name_problem(name):
            raise UserError(f"{asker}: {problem}; give the model's folder as --ssl-model PATH")
        if (inside := _folder_inside(models, name)) is not None:
            return str(inside)
        if not HUB_NAME.fullmatch(name):
            raise UserError(f"{asker}: {name!r} lies outside the folder; give its place as --ssl-model PATH")
        from pipeline.features.ssl.loading import hub_folder

        return str(hub_folder(name, self.download))

    def _own_folder(self, name: str) -> str | None:
        """The folder that the user's own project has a model of that name in."""
        folders = [own for own in sorted(self.own()) if name in (own, Path(own).resolve().name) and Path(own).is_dir()]
        return folders[0] if folders else None


def _name_problem(name: str) -> str | None:
    """Why a name is neither a path nor one of the hub; None when it could be."""
    if len(name) > LONGEST_NAME:
        return f"{name[:20]!r}... has {len(name)} characters, and {LONGEST_NAME} are the most"
    if not name or not name.isprintable():
        return f"{name!r} is no name of a model"
    return None


def _folder_inside(models: Path, name: str) -> Path | None:
    """The folder of that name below the card's, with no link that leads out of it; None when there is none.

    Raises:
        UserError: something in it is a link out of the card's folder.
    """
    try:
        folder = (models / name).resolve()
        if not folder.is_relative_to(models.resolve()) or not folder.is_dir():
            return None
        files = sorted(folder.iterdir())
    except (OSError, RuntimeError):  # a part that is too long, a link to itself
        return None
    for file in files:
        check_inside(file, models)
    return folder


def named_models(params: Params) -> frozenset[str]:
    """What a project calls the self-supervised models of its embeddings and systems."""
    entries = [*params.embeddings.values(), *(experiment.params for experiment in params.experiments.values())]
    return frozenset(str(entry["model"]) for entry in entries if "model" in entry)


def backbones_here(path: Path | None, download: bool) -> Backbones:
    """What a user of this working folder allows, with the models of the project that may be in it.

    Args:
        path: the folder of the self-supervised model; None where it is not given.
        download: whether it may be fetched.
    """
    return Backbones(path, download, cache(_models_here))


def _models_here() -> frozenset[str]:
    """What the project in the working folder calls its self-supervised models.

    Raises:
        ParamsError: its params.yaml is wrong.
    """
    from pipeline.config import document

    return named_models(document.load()) if FILE.is_file() else frozenset()


ONLY_HERE = Backbones()
"""nothing is fetched, and no path outside is read"""
