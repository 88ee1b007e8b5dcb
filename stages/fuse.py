"""Stage `fuse`: fit a decision-level fusion of several experiments."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.experiments.fusion import fuse
from pipeline.experiments.predictions import Predictions
from pipeline.graph.current import params_for


@click.command(cls=Command, help=__doc__)
@click.argument("fusion")
def main(fusion: str) -> None:
    """Fit FUSION, an entry of `fusions`, and write its probabilities."""
    settings = params_for(f"fuse-{fusion}").entry("fusions", fusion)
    branches = {name: Predictions.read(paths.predictions(name)) for name in settings.of}
    fuse(fusion, settings, branches).write(paths.predictions(fusion))
    click.echo(f"{fusion}: {settings.method} of {', '.join(settings.of)}, fitted on {settings.fit_on}")


if __name__ == "__main__":
    main()
