"""The pretrained weights that networks start from: whose they are, and what is in the folder that they lie in.

Features say by the digests of their rows what made them. The blocks above the layers kept made none of them, and are
what is trained.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pipeline.features.ssl.checkpoint import files_digest
from pipeline.features.ssl.streams import TINY
from pipeline.systems import ROLES


class Starting(Protocol):
    """A system, or its entry, that says where the model of its blocks is named."""

    @property
    def blocks_of(self) -> str:
        """The role whose hidden states it made, or the param that names it; "" for no model."""

    @property
    def blocks_where(self) -> str:
        """The param without which no blocks are taken; "" where they always are."""


def starting_model(system: Starting, params: Mapping[str, Any], made_by: Mapping[str, str]) -> str:
    """The model whose blocks a system's networks start from; "" for none, or for one of random weights.

    Args:
        system: it, or its entry.
        params: its params; those of which it has none are the defaults.
        made_by: role -> the model that made the feature that fills it.
    """
    if not system.blocks_of or (system.blocks_where and not params.get(system.blocks_where)):
        return ""
    model = (made_by if system.blocks_of in ROLES else params).get(system.blocks_of, "")
    return "" if model == TINY else str(model)


def starting_folder(system: Starting, params: Mapping[str, Any], made_by: Mapping[str, str]) -> Path | None:
    """The local folder of that model, see `starting_model`; None where there is none, as of one named as on the hub."""
    model = starting_model(system, params, made_by)
    return Path(model) if model and Path(model).is_dir() else None


def starting_digest(system: Starting, params: Mapping[str, Any], made_by: Mapping[str, str]) -> dict[str, str]:
    """What says the weights in that folder, see `starting_folder`, for an identity; empty where there is none.

    Raises:
        UserError: a file there cannot be read.
    """
    folder = starting_folder(system, params, made_by)
    return {"pretrained": files_digest(folder, str(folder))} if folder else {}
