"""The own params of experiments' systems. Checking them imports the systems, which takes seconds."""

from pipeline.config.experiments import ExperimentParams
from pipeline.config.params import Params
from pipeline.config.protocols import has_validation
from pipeline.errors import ParamsError
from pipeline.strict import validate
from pipeline.systems import find_system, systems
from pipeline.systems.normalisation import SystemParams


def system_params(name: str, experiment: ExperimentParams) -> SystemParams:
    """The validated params of one experiment's system.

    Raises:
        ParamsError: a param is wrong, or the system does not take it; one line for each, beginning with its key.
    """
    params: SystemParams = validate(
        find_system(experiment.system).load().Params, experiment.params, f"experiments.{name}.params"
    )
    return params


def system_params_problems(params: Params) -> list[str]:
    """What is wrong with the own params of all experiments whose system there is, as `key: problem`."""
    problems = []
    for name, experiment in params.experiments.items():
        if experiment.system not in systems():
            continue
        try:
            own = system_params(name, experiment)
            problems += _unvalidated(params, name, experiment, getattr(own, "patience", 0))
        except ParamsError as error:
            problems += str(error).splitlines()
    return problems


def _unvalidated(params: Params, name: str, experiment: ExperimentParams, patience: int) -> list[str]:
    protocol = params.protocols.get(experiment.protocol)
    if not patience or protocol is None or has_validation(protocol):
        return []
    return [
        f"experiments.{name}.params: patience {patience} needs a validation part, and protocol "
        f"{experiment.protocol!r} has none; set patience: 0, or give the protocol one"
    ]
