"""Where a prediction takes self-supervised models from: never from a place that a stranger's card chose alone."""

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.params import Params
from pipeline.errors import UserError
from pipeline.features.ssl.streams import TINY

HUB_NAME = re.compile(r"([A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Backbones:
    """What the user allows; which model it is, its digest decides afterwards.

    Attributes:
        path: the folder of the model, in the place of what cards name.
        download: whether a hub model may be fetched; else it must be in the Hugging Face cache.
        own: what the user's own params.yaml calls its models: folders that are no stranger's choice.
    """

    path: Path | None = None
    download: bool = False
    own: frozenset[str] = frozenset()

    def place(self, name: str, models: Path) -> str:
        """The folder of a self-supervised model, or `tiny`, which is made.

        Args:
            name: what the card calls it: `tiny`, a folder of the user's own project or below that of the card, or a
                name of the hub.
            models: the folder of the card.

        Raises:
            UserError: it is elsewhere, or the hub is not to be asked.
        """
        if name == TINY:
            return name
        if self.path is not None:
            return str(self.path)
        if name in self.own and Path(name).is_dir():
            return name
        inside = (models / name).resolve()
        if inside.is_relative_to(models.resolve()) and inside.is_dir():
            return str(inside)
        if not HUB_NAME.fullmatch(name):
            raise UserError(
                f"{models}: its self-supervised model {name!r} lies outside the folder; give its place as "
                "--ssl-model PATH"
            )
        from pipeline.features.ssl.loading import hub_folder

        return str(hub_folder(name, self.download))


def named_models(params: Params) -> frozenset[str]:
    """What a project calls the self-supervised models of its embeddings and systems."""
    entries = [*params.embeddings.values(), *(experiment.params for experiment in params.experiments.values())]
    return frozenset(str(entry["model"]) for entry in entries if "model" in entry)


ONLY_HERE = Backbones()
"""nothing is fetched, and no path outside is read"""
