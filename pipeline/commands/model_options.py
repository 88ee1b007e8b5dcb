"""Options of the commands that ask a trained model."""

from pathlib import Path
from typing import Any

import click


def model_options(command: Any) -> Any:
    """Add the options that say where a self-supervised model is, and where to compute."""
    for option in (
        click.option("--device", help="torch device (SER_DEVICE; default: a GPU where there is one)."),
        click.option("--download", is_flag=True, help="Fetch that model from its hub if the cache does not have it."),
        click.option(
            "--ssl-model",
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            help="Folder of the self-supervised model, in the place of the one that the trained models name.",
        ),
    ):
        command = option(command)
    return command
