"""Pretrained models among what stages depend on."""

from pathlib import Path


def local_model(model: object) -> list[str]:
    """The folder of a pretrained model, as a list; none of one that is fetched by a hub name, or of no model."""
    name = str(model or "")
    return [name] if name and Path(name).expanduser().is_dir() else []
