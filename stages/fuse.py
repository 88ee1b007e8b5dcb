"""Stage `fuse`: fit a decision-level fusion of two experiments."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.config import params
from pipeline.experiments.fusion import fuse
from pipeline.experiments.predictions import Predictions


@click.command(cls=Command, help=__doc__)
@click.argument("fusion")
def main(fusion: str) -> None:
    """Fit FUSION, an entry of `fusions`, and write its probabilities."""
    settings = params.load().entry("fusions", fusion)
    first, second = (Predictions.read(paths.predictions(name)) for name in (settings.first, settings.second))
    found = fuse(fusion, settings, first, second)
    found.write(paths.predictions(fusion))
    click.echo(f"{fusion}: {settings.method} of {settings.first} and {settings.second}, fitted on {settings.fit_on}")


if __name__ == "__main__":
    main()
