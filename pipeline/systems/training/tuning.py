"""Parts of a trained network whose training goes on, while the rest stays as it is."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch import nn

from pipeline.errors import UserError

Parts = Mapping[str, tuple[str, ...]]
"""head, and fusion where there is one -> dotted names of the network's modules; -1 is a sequence's last"""

ALL = "all"


def part_names(part: str, parts: Parts) -> tuple[str, ...]:
    """The names of a part's modules: of the fusion, the head's too, which reads it.

    Raises:
        UserError: the network has no such part.
    """
    if part not in parts:
        raise UserError(f"tune: {part} is no part of this network; it has {', '.join([*parts, ALL])}")
    return (*parts["head"], *(parts[part] if part != "head" else ()))


def part_modules(network: nn.Module, part: str, parts: Parts) -> list[nn.Module]:
    """The modules of a part, of those names that the network has: params decide of some.

    Raises:
        UserError: the network has none of them.
    """
    named = dict(network.named_modules())
    own = [_whole(name, named) for name in part_names(part, parts)]
    modules = [named[name] for name in own if name in named]
    if not modules:
        raise UserError(f"tune: the network has no {' or '.join(own)}, its {part}; take all")
    return modules


def _whole(name: str, named: Mapping[str, nn.Module]) -> str:
    """A dotted name with the number of a sequence's last module in the place of -1."""
    above, _, last = name.rpartition(".")
    return f"{above}.{len([*named[above].children()]) - 1}" if last == "-1" and above in named else name


@contextmanager
def trained_alone(network: nn.Module, modules: Sequence[nn.Module]) -> Iterator[list[nn.Module]]:
    """Let only these modules' parameters be trained in the block; gives the modules that are to stay in evaluation.

    A module around one that is trained stays so itself: it is what it holds besides that would change.
    """
    trained = {id(inner) for module in modules for inner in module.modules()}
    free = {id(p) for module in modules for p in module.parameters()}
    held = [p for p in network.parameters() if p.requires_grad and id(p) not in free]
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        yield [module for module in network.modules() if id(module) not in trained]
    finally:
        for parameter in held:
            parameter.requires_grad_(True)
