"""Stage `test`: predict an experiment's test parts under other conditions, by the models that were trained without."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.corpora import manifest
from pipeline.experiments.classes import class_set
from pipeline.experiments.predictions import Predictions
from pipeline.graph.current import params_for
from pipeline.jobs.devices import torch_devices
from pipeline.serving.backbones import Backbones, named_models
from pipeline.serving.conditions import Files, predict_under
from pipeline.serving.models import Model
from pipeline.storage.feature_file import FeatureFile


@click.command(cls=Command, help=__doc__)
@click.argument("name")
def main(name: str) -> None:
    """Test the experiment NAME under the conditions of its `test_on`, and write its probabilities."""
    params = params_for(f"test-{name}")
    chosen = params.entry("experiments", name)

    def files(condition: str) -> Files:
        source = paths.condition(chosen.corpus, condition)
        return {
            role: FeatureFile(paths.feature_file(source, feature, embedding=feature in params.embeddings))
            for role, feature in chosen.inputs.items()
        }

    tested = predict_under(
        {condition: files(condition) for condition in chosen.test_on},
        Model.read(paths.models(name)),
        Predictions.read(paths.predictions(name)),
        class_set(manifest.read(paths.manifest(chosen.corpus)), chosen.emotions),
        torch_devices()[0],
        Backbones(download=True, own=named_models(params)),
    )
    tested.write(paths.tested(name))
    click.echo(f"{name}: tested under {', '.join(chosen.test_on)}")


if __name__ == "__main__":
    main()
