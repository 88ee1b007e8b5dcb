"""One stage of the graph, and how it is written in dvc.yaml."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import yaml

WIDTH = 120
"""columns of a line of dvc.yaml"""

OWN_KEYS = ("desc", "cmd", "params", "deps", "outs", "metrics")
"""what `ser graph` writes of a stage"""

Output = str | Mapping[str, Mapping[str, Any]]
"""a path, or a path with DVC's options"""


@dataclass(frozen=True)
class Stage:
    """A stage as DVC runs it.

    Attributes:
        name: unique in the graph.
        desc: what it does, in a few words.
        cmd: the command line.
        params: keys of params.yaml that its outputs depend on.
        deps: files and folders that its outputs depend on.
        outs: what it makes, each a path or {path: options of DVC}.
        metrics: likewise, figures for `dvc metrics`.
    """

    name: str
    desc: str
    cmd: str
    params: Sequence[str] = ()
    deps: Sequence[str] = ()
    outs: Sequence[Output] = ()
    metrics: Sequence[Output] = ()

    def body(self) -> dict[str, Any]:
        """The stage as dvc.yaml has it, without keys that are empty."""
        values = {key: getattr(self, key) for key in OWN_KEYS}
        return {key: value if isinstance(value, str) else list(value) for key, value in values.items() if value}

    def paths(self) -> list[str]:
        """What it makes."""
        return [out if isinstance(out, str) else next(iter(out)) for out in (*self.outs, *self.metrics)]


def in_git(path: str) -> Output:
    """An output that is small and kept in git, not in DVC's cache."""
    return {path: {"cache": False}}


def kept(path: str) -> Output:
    """An output that its stage finds as it left it, so that it can take over what is still right.

    DVC does not look for it among earlier runs.
    """
    return {path: {"persist": True}}


def render(name: str, body: Mapping[str, Any], column: int = 2) -> str:
    """A stage as lines of dvc.yaml, its lists in flow style."""
    lines = [f"{' ' * column}{name}:"]
    for key, value in body.items():
        lines += _entry(key, value, column + 2)
    return "\n".join(lines) + "\n"


def _entry(key: str, value: Any, column: int) -> Iterator[str]:
    head = f"{' ' * column}{key}:"
    if not isinstance(value, list):
        yield f"{head} {flow(value)}"
        return
    line = f"{head} ["
    for number, item in enumerate(value):
        text = flow(item) + (", " if number + 1 < len(value) else "]")
        if len(line) + len(text.rstrip()) > WIDTH and line.strip():
            yield line.rstrip()
            line = " " * (column + 2)
        line += text
    yield line


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((key, inner),) = value.items()
        return f"{flow(key)}: {flow(inner)}" if isinstance(inner, Mapping) else f"{{{flow(key)}: {flow(inner)}}}"
    return yaml.safe_dump([value], default_flow_style=True, width=inf, sort_keys=False, allow_unicode=True)[1:-2]
