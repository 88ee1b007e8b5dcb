"""Stage `regress`: cross-validate one experiment with targets on cached features."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.commands.options import worker_options
from pipeline.experiments.regression import cross_validate_values
from pipeline.experiments.targets import scale_warnings
from pipeline.experiments.value_inputs import regression_of
from pipeline.graph.current import params_for
from pipeline.systems import find_system


@click.command(cls=Command, help=__doc__)
@click.argument("name")
@worker_options
def main(name: str, workers: int | None, cluster: str | None) -> None:
    """Train the experiment NAME, and write its models and what they predict of speech that they did not hear."""
    params = params_for(f"train-{name}")
    device = find_system(params.entry("experiments", name).system).device(cluster)
    experiment = regression_of(params, name, device)
    for line in scale_warnings(experiment.rows, experiment.targets):
        click.echo(f"warning: {name}: {line}", err=True)
    values, cost = cross_validate_values(experiment, paths.models(name), workers=workers, cluster=cluster)
    values.write(paths.predictions(name))
    without = values.card["without_targets"]
    said = f"; recordings left out, which lack a number: {without}" if without else ""
    click.echo(f"{name}: {len(values.folds)} folds, {cost}{said}")


if __name__ == "__main__":
    main()
