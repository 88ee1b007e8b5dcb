"""Stage `train`: cross-validate one experiment on cached features."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.commands.options import worker_options
from pipeline.experiments.cross_validation import cross_validate
from pipeline.experiments.inputs import experiment_of
from pipeline.graph.current import params_for
from pipeline.systems import find_system


@click.command(cls=Command, help=__doc__)
@click.argument("name")
@click.option("--hold-out", is_flag=True, help="Keep a validation part that the system has no use for.")
@worker_options
def main(name: str, hold_out: bool, workers: int | None, cluster: str | None) -> None:
    """Train the experiment NAME, and write its models and its out-of-fold probabilities."""
    params = params_for(f"train-{name}")
    device = find_system(params.entry("experiments", name).system).device(cluster)
    experiment = experiment_of(params, name, device, hold_out)
    predictions, cost = cross_validate(experiment, paths.models(name), workers=workers, cluster=cluster)
    predictions.write(paths.predictions(name))
    click.echo(f"{name}: {len(predictions.folds)} folds, {cost}")


if __name__ == "__main__":
    main()
