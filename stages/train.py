"""Stages named after the systems: cross-validate one experiment on cached features."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.commands.options import worker_options
from pipeline.config import params
from pipeline.corpora import manifest
from pipeline.experiments.cross_validation import Experiment, cross_validate
from pipeline.jobs.devices import torch_devices
from pipeline.storage.feature_file import FeatureFile
from pipeline.strict import validate
from pipeline.systems import find_system


@click.command(cls=Command, help=__doc__)
@click.argument("experiment")
@worker_options
def main(experiment: str, workers: int | None, cluster: str | None) -> None:
    """Train EXPERIMENT, and write its models and its out-of-fold probabilities."""
    settings = params.load()
    system, chosen = settings.experiment(experiment)
    classifier = find_system(system).load()

    def files(corpus: str) -> dict[str, FeatureFile]:
        place = {role: paths.embeddings if role == "ssl" else paths.features for role in chosen.inputs()}
        return {role: FeatureFile(place[role](corpus, name)) for role, name in chosen.inputs().items()}

    found, cost = cross_validate(
        Experiment(
            name=experiment,
            system=system,
            classifier=classifier,
            settings=validate(
                classifier.Params, chosen.params, f"params.yaml: experiments.{system}.{experiment}.params"
            ),
            protocol=settings.protocols[chosen.protocol],
            rows=manifest.read(paths.manifest(chosen.corpus)),
            clean=files(chosen.corpus),
            copied=files(chosen.copies) if chosen.copies != chosen.corpus else {},
            seed=settings.seed,
            device=torch_devices(cluster=cluster)[0],
        ),
        paths.models(experiment),
        workers=workers,
        cluster=cluster,
    )
    found.write(paths.predictions(experiment))
    click.echo(f"{experiment}: {len(found.folds)} folds, {cost}")


if __name__ == "__main__":
    main()
