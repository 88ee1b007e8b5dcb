"""The own params of experiments' systems. Checking them imports the systems, which takes seconds."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from pipeline.config.experiments import ExperimentParams
from pipeline.config.params import Params
from pipeline.config.protocols import has_validation
from pipeline.config.transfers import TransferParams
from pipeline.errors import ParamsError
from pipeline.strict import validate
from pipeline.systems import REGISTRY, find_system
from pipeline.systems.normalisation import SystemParams
from pipeline.systems.regression import OF_CLASSES, OF_NUMBERS, find_regressor, takes_targets

if TYPE_CHECKING:
    from pipeline.systems.regression.regressor import Regressor
    from pipeline.systems.system import System

OF_VALIDATION = ("patience", "monitor", "stop")
"""params that a validation part makes use of"""

OF_NETWORKS = ("seeds", "normalisation")
"""params of training that decide how many networks there are, and what they read"""


def system_params(name: str, experiment: ExperimentParams) -> SystemParams:
    """The validated params of one experiment's system.

    Raises:
        ParamsError: a param is wrong, or the system does not take it; one line for each, beginning with its key.
    """
    kind, key = _trained(experiment), f"experiments.{name}.params"
    params: SystemParams = validate(kind.Params, experiment.params, key)
    if problem := _unending_warmup(params):
        raise ParamsError(f"{key}.warmup_epochs: {problem}")
    return params


def _unending_warmup(own: SystemParams) -> str | None:
    """What is wrong with a warm-up that is longer than the training; None where it ends, or there is none.

    It is asked here and not of every set of params: a refitted network may be trained for fewer epochs than were asked
    for, and one that was trained with such params can still be used.
    """
    warmup, epochs = getattr(own, "warmup_epochs", 0), getattr(own, "epochs", 0)
    if warmup <= epochs:
        return None
    return f"should be at most `epochs` = {epochs}, or the learning rate never reaches its value; it is {warmup:g}"


def _trained(experiment: ExperimentParams) -> "type[System | Regressor]":
    """What an experiment trains: its system, or with targets the regressor of it."""
    return find_regressor(experiment.system) if experiment.targets else find_system(experiment.system).load()


def transfer_params(name: str, transfer: TransferParams, source: ExperimentParams) -> SystemParams:
    """The validated params of the source's system in a transfer, which has no validation part to stop by.

    Raises:
        ParamsError: a param is wrong, or is nothing that a transfer can change; one line for each.
    """
    system, key = _trained(source), f"transfers.{name}.params"
    fields = system.Params.model_fields
    if problems := [f"{key}.{param}: {problem}" for param, problem in _fixed(transfer, source, system.tunes, fields)]:
        raise ParamsError("\n".join(problems))
    if transfer.params and not transfer.share and system.tunes:
        raise ParamsError(f"{key}: are of no use to share 0, which trains nothing of {source.system}; leave them out")
    alone = {"patience": 0} if "patience" in fields else {}
    params: SystemParams = validate(system.Params, {**source.params, **transfer.params, **alone}, key)
    if problem := _unending_warmup(params):
        origin = "" if "warmup_epochs" in transfer.params else f", as {transfer.source} has it"
        raise ParamsError(f"{key}.warmup_epochs: {problem}{origin}")
    return params


def _fixed(
    transfer: TransferParams, source: ExperimentParams, tunes: bool, fields: Collection[str]
) -> Iterator[tuple[str, str]]:
    """The params of a transfer that cannot be its own, each with why."""
    of_classes = {*OF_CLASSES} if source.targets else set()  # which the regressor's params themselves refuse
    for param in fields & transfer.params.keys():
        if param in OF_VALIDATION and tunes:
            yield param, "is of no use to a transfer, which has no validation part; leave it out"
        elif tunes and transfer.weights != "fresh" and param not in _of_training(source) | of_classes:
            known = ", ".join(sorted(_of_training(source)))
            yield param, f"is as the source was trained with; a tuning takes {known}"


def _of_training(source: ExperimentParams) -> set[str]:
    """The params that a tuning of networks may have of its own."""
    from pipeline.systems.training.params import TrainingParams

    own = {*TrainingParams.model_fields} - {*OF_VALIDATION, *OF_NETWORKS}
    return own - {*OF_CLASSES} | {*OF_NUMBERS} if source.targets else own


def system_params_problems(params: Params) -> list[str]:
    """What is wrong with the own params of all experiments whose system there is, as `key: problem`."""
    problems = []
    for name, experiment in params.experiments.items():
        if experiment.system not in REGISTRY or (experiment.targets and not takes_targets(experiment.system)):
            continue
        try:
            own = system_params(name, experiment)
            found = [*_unvalidated(params, experiment, own), *_idle(experiment, own)]
            problems += [f"experiments.{name}.params: {problem}" for problem in found]
        except ParamsError as error:
            problems += str(error).splitlines()
    return problems + _transfer_problems(params, {problem.split(".")[1] for problem in problems})


def _transfer_problems(params: Params, wrong: Collection[str]) -> list[str]:
    """What is wrong with the own params of transfers, but for those of experiments that are wrong themselves."""
    problems = []
    for name, transfer in params.transfers.items():
        source = params.experiments.get(transfer.source)
        if source is None or transfer.source in wrong or source.system not in REGISTRY:
            continue
        if source.targets and not takes_targets(source.system):
            continue
        try:
            transfer_params(name, transfer, source)
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


def _idle(experiment: ExperimentParams, own: SystemParams) -> Iterator[str]:
    """The params given that are not the default, and change nothing beside the others."""
    fields = type(own).model_fields
    for key, why in own.idle():
        if key in experiment.params and (value := getattr(own, key)) != fields[key].default:
            yield f"{key} {value} is of no use {why}; leave it out"


def impatient(patience: int, protocol: str) -> str:
    """What is wrong with a patience under a protocol without a validation part, and what to do."""
    return (
        f"patience {patience} needs a validation part, and protocol {protocol!r} has none; set patience: 0, or give "
        "the protocol one"
    )
