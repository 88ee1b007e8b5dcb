"""Stage `transfer_values`: test an experiment's models of numbers on another corpus, tuned on a share or not."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.commands.options import worker_options
from pipeline.experiments.regression_transfer import run_value_transfer
from pipeline.experiments.targets import scale_warnings
from pipeline.experiments.value_transfer_inputs import regression_transfer_of
from pipeline.graph.current import params_for
from pipeline.storage.source import counted
from pipeline.systems import find_system


@click.command(cls=Command, help=__doc__)
@click.argument("name")
@worker_options
def main(name: str, workers: int | None, cluster: str | None) -> None:
    """Run the transfer NAME, and write the numbers that it predicts, and its models where a share is trained on."""
    params = params_for(f"transfer-{name}")
    source = params.entry("experiments", params.entry("transfers", name).source)
    transfer = regression_transfer_of(params, name, find_system(source.system).device(cluster))
    for line in scale_warnings([*transfer.reference.rows, *transfer.rows], transfer.classes):
        click.echo(f"warning: {name}: {line}", err=True)
    values, cost = run_value_transfer(transfer, paths.models(name), workers=workers, cluster=cluster)
    values.write(paths.predictions(name))
    times = counted(len(values.folds), "draw")
    without = values.card["without_targets"]
    said = f"; recordings left out, which lack a number: {without}" if without else ""
    click.echo(f"{name}: {times}, of {counted(len(transfer.starts), 'model')} each, {cost}{said}")


if __name__ == "__main__":
    main()
