"""Stage `fuse`: fit a decision-level fusion of several experiments."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.experiments.fusion import Fusion
from pipeline.experiments.fusion_weights import FILE, Weights
from pipeline.experiments.predictions import Predictions
from pipeline.graph.current import params_for


@click.command(cls=Command, help=__doc__)
@click.argument("name")
def main(name: str) -> None:
    """Fit the fusion NAME, and write it with the models of its branches, and its probabilities."""
    settings = params_for(f"fuse-{name}").entry("fusions", name)
    fusion = Fusion(name, settings, {branch: Predictions.read(paths.predictions(branch)) for branch in settings.of})
    fusion.model().write(paths.models(name), {branch: paths.models(branch) for branch in settings.of})
    fusion.predictions().write(paths.predictions(name))
    weights = Weights.of(fusion)
    weights.write(paths.predictions(name) / FILE)
    click.echo(f"{name}: {settings.label} of {', '.join(settings.of)}, fitted on {settings.fit_on}")
    if table := weights.table():
        click.echo(table)


if __name__ == "__main__":
    main()
