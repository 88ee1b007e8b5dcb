"""Pretrained models among what stages depend on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config.experiments import ExperimentParams
from pipeline.config.params import Params
from pipeline.systems import find_system
from pipeline.systems.starting_weights import starting_model


def local_model(model: object) -> list[str]:
    """The folder of a pretrained model, as a list; none of one that is fetched by a hub name, or of no model."""
    name = str(model or "")
    return [name] if name and Path(name).expanduser().is_dir() else []


def starting_folders(params: Params, experiment: ExperimentParams, own: Mapping[str, Any]) -> list[str]:
    """The folders of the pretrained models whose blocks an experiment's networks start from.

    Args:
        params: what params.yaml asks for.
        experiment: of it.
        own: the system's params: the experiment's, or those of a transfer of its models.
    """
    made_by = {role: getattr(params.feature(name)[1], "model", "") for role, name in experiment.inputs.items()}
    return local_model(starting_model(find_system(experiment.system), own, made_by))
