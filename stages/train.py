"""Stage `train`: cross-validate one experiment on cached features."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.commands.options import worker_options
from pipeline.config.system_params import system_params
from pipeline.corpora import manifest
from pipeline.experiments.cross_validation import cross_validate
from pipeline.experiments.experiment import Experiment
from pipeline.experiments.selection import chosen as chosen_rows
from pipeline.graph.current import params_for
from pipeline.jobs.devices import torch_devices
from pipeline.storage.feature_file import FeatureFile
from pipeline.systems import find_system


@click.command(cls=Command, help=__doc__)
@click.argument("name")
@click.option("--hold-out", is_flag=True, help="Keep a validation part that the system has no use for.")
@worker_options
def main(name: str, hold_out: bool, workers: int | None, cluster: str | None) -> None:
    """Train the experiment NAME, and write its models and its out-of-fold probabilities."""
    params = params_for(f"train-{name}")
    chosen = params.entry("experiments", name)
    system, settings = find_system(chosen.system), system_params(name, chosen)

    def files(corpus: str) -> dict[str, FeatureFile]:
        return {
            role: FeatureFile(paths.feature_file(corpus, feature, embedding=feature in params.embeddings))
            for role, feature in chosen.inputs.items()
        }

    rows, left_out = chosen_rows(manifest.read(paths.manifest(chosen.corpus)), chosen.only, chosen.emotions)
    experiment = Experiment(
        name=name,
        system=chosen.system,
        classifier=system.load(),
        settings=settings,
        protocol=params.protocols[chosen.protocol],
        rows=rows,
        left_out=left_out,
        clean=files(chosen.corpus),
        copied=files(chosen.copies) if chosen.copies else {},
        emotions=chosen.emotions,
        only=chosen.only,
        seed=params.seed,
        device=torch_devices(cluster=cluster)[0],
        trainings=chosen.trainings,
        holds_out=hold_out or system.uses_validation,
    )
    predictions, cost = cross_validate(experiment, paths.models(name), workers=workers, cluster=cluster)
    predictions.write(paths.predictions(name))
    click.echo(f"{name}: {len(predictions.folds)} folds, {cost}")


if __name__ == "__main__":
    main()
