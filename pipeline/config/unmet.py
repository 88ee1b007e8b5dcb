"""What experiments ask of their features that params.yaml does not give; it imports systems, which takes seconds."""

from collections.abc import Iterator

from pipeline.config.experiments import ExperimentParams
from pipeline.config.params import Params
from pipeline.config.system_params import system_params
from pipeline.errors import ParamsError
from pipeline.features.ssl.loading import known_block_count
from pipeline.systems import REGISTRY, find_system
from pipeline.systems.demands import Feature
from pipeline.systems.regression import takes_targets


def unmet_demands(params: Params) -> list[str]:
    """All of it, as `key: problem`; nothing of an experiment that is wrong in itself, or whose features are."""
    return [problem for name, experiment in params.experiments.items() for problem in _unmet(params, name, experiment)]


def _unmet(params: Params, name: str, experiment: ExperimentParams) -> Iterator[str]:
    features = experiment.inputs
    if experiment.targets and experiment.system in REGISTRY and not takes_targets(experiment.system):
        return
    if experiment.system not in REGISTRY or not {*features.values()} <= {*params._features}:
        return
    if not {*find_system(experiment.system).roles} <= {*features}:
        return
    try:
        own = system_params(name, experiment)
    except ParamsError:
        return
    for problem in own.unmet({role: _feature(params, feature) for role, feature in features.items()}):
        yield f"experiments.{name}.{problem}"


def _feature(params: Params, name: str) -> Feature:
    own = params.feature(name)[1]
    return Feature(name, own, known_block_count(own.model) if hasattr(own, "model") else None)
