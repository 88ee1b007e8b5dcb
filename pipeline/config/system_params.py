"""The own params of experiments' systems. Checking them imports the systems, which takes seconds."""

from collections.abc import Iterator

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
            problems += [f"experiments.{name}.params: {problem}" for problem in _unvalidated(params, experiment, own)]
        except ParamsError as error:
            problems += str(error).splitlines()
    return problems


def _unvalidated(params: Params, experiment: ExperimentParams, own: SystemParams) -> Iterator[str]:
    """What its params want of a validation part that is not there, or is only watched."""
    protocol, patience = params.protocols.get(experiment.protocol), getattr(own, "patience", 0)
    if not getattr(own, "stop", True):
        if idle := [name for name in ("patience", "monitor") if experiment.params.get(name)]:
            yield f"{idle[0]} is of no use where stop is false, which runs all epochs; leave one of them out"
    elif patience and protocol is not None and not has_validation(protocol):
        yield impatient(patience, experiment.protocol)


def impatient(patience: int, protocol: str) -> str:
    """What is wrong with a patience under a protocol without a validation part, and what to do."""
    return (
        f"patience {patience} needs a validation part, and protocol {protocol!r} has none; set patience: 0, or give "
        "the protocol one"
    )
