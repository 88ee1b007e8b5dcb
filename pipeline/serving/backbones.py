"""Where a prediction takes self-supervised models from: never from a place that a stranger's card chose alone."""

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UserError
from pipeline.features.ssl.streams import TINY

HUB_NAME = re.compile(r"([A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Backbones:
    """What the user allows; which model it is, its digest decides afterwards.

    Attributes:
        path: the folder of the model, in the place of what cards name.
        download: whether a hub model may be fetched; else it must be in the Hugging Face cache.
    """

    path: Path | None = None
    download: bool = False

    def place(self, name: str, models: Path) -> str:
        """The folder of a self-supervised model, or `tiny`, which is made.

        Args:
            name: what the card calls it: `tiny`, a folder below that of the card, or a name of the hub.
            models: the folder of the card.

        Raises:
            UserError: it is elsewhere, or the hub is not to be asked.
        """
        if name == TINY:
            return name
        if self.path is not None:
            return str(self.path)
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


ONLY_HERE = Backbones()
"""nothing is fetched, and no path outside is read"""
