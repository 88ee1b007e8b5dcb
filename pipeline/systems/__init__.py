"""Systems, by name. A new system is a file in this folder; nothing else lists it but dvc.yaml, where it is a stage.

A system's module has a class with these literals, which are read without importing it (torch takes seconds):

- `name`: the system's name, and its group's in `experiments`;
- `roles`: the features it reads, of logmel, mfcc, prosody, ssl and waveform;
- `variants`, where it can do with fewer: other system name -> roles;
- `accepts`, where a role may be filled by other extractors than its namesake: role -> extractors.
"""

import ast
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline.errors import ParamsError, UserError, nearest
from pipeline.registry import classes_of

ROLES = ("logmel", "mfcc", "prosody", "ssl", "waveform")


@dataclass(frozen=True)
class Entry:
    """Where a system is and what it reads."""

    module: str
    symbol: str
    roles: tuple[str, ...]
    accepts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """role -> extractors that may fill it"""

    def load(self) -> Any:
        """Import the system's classifier class."""
        return getattr(import_module(self.module), self.symbol)

    def extractors(self, role: str) -> tuple[str, ...]:
        """The extractors that may fill a role."""
        return self.accepts.get(role, (role,))


@cache
def systems() -> dict[str, Entry]:
    """Every system and variant by name, in the order of names.

    Raises:
        UserError: a module is not Python, two systems have one name, or a role is not known; the file is named.
    """
    found: dict[str, Entry] = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        for node in classes_of(path, path.read_bytes()):
            said = _literals(node)
            if not {"name", "roles"} <= set(said):
                continue
            for name, roles in {said["name"]: said["roles"], **said.get("variants", {})}.items():
                if name in found:
                    first = f"{found[name].symbol} in {found[name].module.rpartition('.')[2]}.py"
                    raise UserError(f"{path}: class {node.name} has the name {name!r} of {first}; rename one")
                if unknown := set(roles) - set(ROLES):
                    raise UserError(f"{path}: unknown role {min(unknown)!r} of {name}; known: {', '.join(ROLES)}")
                found[name] = Entry(f"{__name__}.{path.stem}", node.name, tuple(roles), said.get("accepts", {}))
    return dict(sorted(found.items()))


def _literals(node: ast.ClassDef) -> dict[str, Any]:
    """The literals assigned to name, roles, variants and accepts in a class's body."""
    found = {}
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            target, value = statement.targets[0].id, statement.value
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            target, value = statement.target.id, statement.value
        else:
            continue
        if target in ("name", "roles", "variants", "accepts"):
            found[target] = ast.literal_eval(value)
    return found


def find_system(name: str) -> Entry:
    """Return the entry of that name.

    Raises:
        ParamsError: there is none; the message lists those there are.
    """
    known = systems()
    if name not in known:
        raise ParamsError(f"unknown system {name!r}{nearest(name, known)}; known: {', '.join(known)}")
    return known[name]
