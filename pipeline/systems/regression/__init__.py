"""Regressors, by the name of the system that they are the like of: what an experiment with `targets` trains.

The regressor of a neural system is made of its network, see `neural.py`. Of other systems it is a class in a file of
this folder with the literal `name` of the system; nothing else lists it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import ParamsError
from pipeline.registry import Registry
from pipeline.systems import find_system, systems

if TYPE_CHECKING:
    from pipeline.systems.regression.regressor import Regressor

REGISTRY = Registry(Path(__file__).parent, __name__, "Regressor", "regressor")
"""name of a system that is not neural -> entry"""

NEURAL = "pipeline.systems.regression.neural"
"""the module that makes the others"""

OF_CLASSES = ("class_weights", "label_smoothing", "scale", "margin")
"""params of neural systems that their regressors have no use for"""

OF_NUMBERS = ("loss",)
"""params of training that the regressors of neural systems have beside these systems' own"""

VALUE_CURVE = ("epoch", "train_loss", "valid_loss", "valid_ccc")
"""what is known of each epoch of a regressor's training"""


def takes_targets(system: str) -> bool:
    """Whether a system, which there is, has a regressor."""
    return find_system(system).neural or system in REGISTRY


def regressor_module(system: str) -> str:
    """The dotted name of the module that a system's regressor is in.

    Raises:
        ParamsError: it has none; the message names those that have.
    """
    if not takes_targets(system):
        raise ParamsError(target_systems(system))
    return NEURAL if find_system(system).neural else REGISTRY[system].module


def find_regressor(system: str) -> "type[Regressor]":
    """The regressor of a system.

    Raises:
        ParamsError: it has none; the message names those that have.
    """
    if regressor_module(system) != NEURAL:
        found: type[Regressor] = REGISTRY[system].load()
        return found
    from pipeline.systems.regression.neural import neural_regressor

    return neural_regressor(system)


def target_systems(system: str) -> str:
    """What says that a system takes no targets, and which do."""
    return f"{system} takes no targets; those that do are {', '.join(filter(takes_targets, systems()))}"
