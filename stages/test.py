"""Stage `test`: predict test parts under other conditions, by the models that were trained without."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.config.params import Params
from pipeline.corpora import manifest
from pipeline.experiments.classes import class_set
from pipeline.experiments.fused_model import FittedFusion
from pipeline.experiments.inputs import joint_features
from pipeline.experiments.joint_corpora import joint_rows
from pipeline.experiments.predictions import Predictions
from pipeline.graph.current import params_for
from pipeline.serving.backbones import Backbones, named_models
from pipeline.serving.conditions import Files, fuse_under, predict_under
from pipeline.serving.models import Model
from pipeline.systems import find_system


@click.command(cls=Command, help=__doc__)
@click.argument("name")
def main(name: str) -> None:
    """Test the experiment NAME under its `test_on`, or the fusion NAME under what all its branches are tested under."""
    params = params_for(f"test-{name}")
    tested = _fused(params, name) if name in params.fusions else _predicted(params, name)
    tested.write(paths.tested(name))
    click.echo(f"{name}: tested under {', '.join(dict.fromkeys(tested.part))}")


def _fused(params: Params, name: str) -> Predictions:
    branches = {branch: Predictions.read(paths.tested(branch)) for branch in params.fusions[name].of}
    return fuse_under(FittedFusion.read(paths.models(name)), branches)


def _predicted(params: Params, name: str) -> Predictions:
    chosen = params.entry("experiments", name)
    manifests = {corpus: manifest.read(paths.manifest(corpus)) for corpus in chosen.corpora}
    return predict_under(
        {condition: _files(params, name, condition) for condition in chosen.test_on},
        Model.read(paths.models(name)),
        Predictions.read(paths.predictions(name)),
        class_set(joint_rows(manifests), chosen.emotions),
        find_system(chosen.system).device(),
        Backbones(download=True, own=lambda: named_models(params)),
    )


def _files(params: Params, name: str, condition: str) -> Files:
    chosen = params.experiments[name]
    return joint_features(params, chosen, [paths.condition(corpus, condition) for corpus in chosen.corpora])


if __name__ == "__main__":
    main()
