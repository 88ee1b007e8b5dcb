"""The weights of fusions, where people compare them."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from pipeline import paths
from pipeline.atomic import atomic_path
from pipeline.errors import UserError
from pipeline.experiments.fusion_weights import FILE


def copy_weights(fusions: Iterable[str], folder: Path) -> None:
    """Copy each fusion's table of weights to `folder/FUSION.csv`.

    Raises:
        UserError: a fusion left none.
    """
    for name in fusions:
        source = paths.predictions(name) / FILE
        if not source.is_file():
            raise UserError(f"{source}: is missing; `dvc repro` makes it")
        with atomic_path(folder / f"{name}.csv") as temporary:
            shutil.copyfile(source, temporary)
