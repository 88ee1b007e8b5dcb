"""Systems, by name. A new system is a file in this folder; nothing else lists it but dvc.yaml, where it is a stage.

A system is a class below `System` with these literals, which are read without importing it (torch takes seconds):

- `name`: the system's name, and its group's in `experiments`;
- `roles`: the features it must have, of logmel, mfcc, opensmile, prosody, ssl and waveform;
- `optional`, where it takes more: those it reads when they are given; one at least where `roles` is empty;
- `accepts`, where a role may be filled by other extractors than its namesake: role -> extractors;
- `blocks_of`, where its networks start from blocks of a pretrained model, so that other weights there have them trained
  again: the role whose hidden states that model made, `ssl`, or the param that names it;
- `blocks_where`, the param without which it takes no such blocks, if there is one;
- `chooses = True`, where `fit` chooses some of its own settings, which `choices` says then;
- `parts`, of a network whose head is no module `classifier`, or which fuses: what a transfer may tune alone;
- `takes_votes = True`, where `fit`, and a network's `tune`, take shares of labels too;
- `uses_validation = False`, where `fit` has no use for a validation part, which is then trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UserError
from pipeline.jobs.devices import torch_devices
from pipeline.registry import Entry, Registry

if TYPE_CHECKING:
    from pipeline.systems.system import System

ROLES = ("logmel", "mfcc", "opensmile", "prosody", "ssl", "waveform")

CURVE = ("epoch", "train_loss", "train_acc", "valid_loss", "valid_acc")
"""what is known of each epoch of a training"""

HEAD = {"head": ("classifier",)}
"""the part of a network that may be tuned alone, where its system names no others"""

REGISTRY = Registry(Path(__file__).parent, __name__, "System", "system", skipped=("layers", "training"))
"""name -> entry"""


@dataclass(frozen=True)
class SystemEntry:
    """Where a system is and what it reads.

    Attributes:
        module: its module's dotted name.
        symbol: its class's name in there.
        roles: the features it must have.
        optional: those it reads when they are given.
        accepts: role -> extractors that may fill it, where these are others than its namesake.
        neural: whether it trains a network, and so has epochs.
        uses_validation: whether it makes use of a validation part.
        blocks_of: what says whose blocks its networks start from: a role, or a param; "" for none.
        blocks_where: the param without which they start from none; "" where they always do.
        chooses: whether it chooses settings of its own, which are written by fold.
        parts: of a network, head and fusion, where there is one -> its modules.
        takes_votes: whether it can be trained on shares of labels.
    """

    module: str
    symbol: str
    roles: tuple[str, ...]
    optional: tuple[str, ...] = ()
    accepts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    neural: bool = False
    uses_validation: bool = True
    chooses: bool = False
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    takes_votes: bool = False
    blocks_of: str = ""
    blocks_where: str = ""

    def load(self) -> "type[System]":
        """Import the system's class."""
        system: type[System] = getattr(import_module(self.module), self.symbol)
        return system

    def device(self, cluster: str | None = None) -> str:
        """The torch device it is trained on: a network's as `torch_devices` says; the CPU of all else, without torch.

        Raises:
            ParamsError: a device is not known to torch, or not there.
        """
        return torch_devices(cluster=cluster)[0] if self.neural else "cpu"

    def extractors(self, role: str) -> tuple[str, ...]:
        """The extractors that may fill a role."""
        return self.accepts.get(role, (role,))


@cache
def systems() -> dict[str, SystemEntry]:
    """Every system by name, in the order of names.

    Raises:
        UserError: a module is not Python, two systems have one name, or one has no roles or unknown ones; the file is
            named.
    """
    return {name: _system(name, entry) for name, entry in REGISTRY.items()}


def _system(name: str, entry: Entry) -> SystemEntry:
    roles, optional = entry.literals.get("roles", ()), entry.literals.get("optional", ())
    path = Path(__file__).parents[2].joinpath(*entry.module.split(".")).with_suffix(".py")
    if not (roles or optional):
        raise UserError(f'{path}: {entry.symbol} has no roles; list the features it reads, as roles = ("mfcc",)')
    if unknown := {*roles, *optional} - set(ROLES):
        raise UserError(f"{path}: unknown role {min(unknown)!r} of {name}; known: {', '.join(ROLES)}")
    neural = "NeuralSystem" in entry.ancestors
    return SystemEntry(
        module=entry.module,
        symbol=entry.symbol,
        roles=tuple(roles),
        optional=tuple(optional),
        accepts=entry.literals.get("accepts", {}),
        neural=neural,
        uses_validation=entry.literals.get("uses_validation", True),
        chooses=entry.literals.get("chooses", False),
        parts=entry.literals.get("parts", HEAD) if neural else {},
        takes_votes=entry.literals.get("takes_votes", False),
        blocks_of=entry.literals.get("blocks_of", ""),
        blocks_where=entry.literals.get("blocks_where", ""),
    )


def find_system(name: str) -> SystemEntry:
    """Return the entry of that name.

    Raises:
        ParamsError: there is none; the message lists those there are.
    """
    return _system(name, REGISTRY.find(name))
