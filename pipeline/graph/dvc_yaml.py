"""dvc.yaml: the stages that `ser graph` writes, and what the user wrote beside them, which stays as it is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline import paths
from pipeline.atomic import atomic_path
from pipeline.config.strict_yaml import DEEPEST
from pipeline.errors import UserError
from pipeline.graph.stage import OWN_KEYS, Stage, render

FILE = Path("dvc.yaml")

HEAD = """\
# Written by `ser graph` from params.yaml: change that file, and run `ser graph` again. Stages of your own, with
# commands of your own, can stand here too: they are kept as they are.
"""
KINDS = (
    "code",
    "demo",
    "manifest",
    "audio",
    "copies",
    "condition",
    "features",
    "train",
    "regress",
    "transfer",
    "transfer_values",
    "fuse",
    "test",
    "evaluate",
    "report",
)
"""modules of `stages` whose commands are the program's own; other commands are the user's"""

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""ten times as fast, where PyYAML has it"""

MOST_LEVELS = 2 * DEEPEST
"""of nesting: stages hold params"""

USERS_KEYS = ("frozen", "always_changed", "meta")
"""of a stage of the program's: what DVC's own commands, or the user, put there stays"""

PICTURES = paths.PLOTS.as_posix()
"""the folder of pictures: DVC shows them as they are, while plots of data need scripts from the network"""

OWN_PLOTS = (
    PICTURES,
    {"metrics/confusion": {"template": "confusion_normalized", "x": "actual", "y": "predicted"}},
    {"metrics/curves": {"x": "epoch", "y": ["train_loss", "valid_loss"], "title": "training curves"}},
)
"""what `ser graph` writes, or wrote; other plots are the user's"""


@dataclass(frozen=True)
class Block:
    """A stage, or another section, as it stands in the file: what it means, and its own lines."""

    value: Any
    text: str


@dataclass(frozen=True)
class GraphFile:
    """What a dvc.yaml holds.

    Attributes:
        text: the whole; "" for no file.
        stages: name -> stage of the program's own, or of the user.
        sections: the other sections at the top, without the plots.
        plots: the plots, the program's own too.
    """

    text: str
    stages: Mapping[str, Block]
    sections: Mapping[str, Block]
    plots: Sequence[Block] = ()

    def own(self) -> dict[str, Mapping[str, Any]]:
        """The stages that the program wrote."""
        return {name: block.value for name, block in self.stages.items() if is_own(block.value)}

    def outs(self, stage: str) -> list[str]:
        """The paths that a stage of the program's own makes; none where there is no such stage."""
        outs = self.own().get(stage, {}).get("outs", [])
        return [out if isinstance(out, str) else next(iter(out)) for out in outs]

    def outs_in_git(self, stage: str) -> list[str]:
        """The files and folders below metrics/ that a stage of the program's own makes and git keeps."""
        body = self.own().get(stage, {})
        outs = [*body.get("outs", []), *body.get("metrics", [])]
        named = [next(iter(out.items())) for out in outs if isinstance(out, Mapping)]
        return [path for path, options in named if options.get("cache") is False and path.startswith("metrics/")]

    def users(self) -> dict[str, Block]:
        """The stages that the user wrote."""
        return {name: block for name, block in self.stages.items() if not is_own(block.value)}


def is_own(body: Any) -> bool:
    """Whether a stage runs a command of the program's."""
    if not isinstance(body, Mapping):
        return False
    command = body.get("cmd") or (body.get("do") or {}).get("cmd")
    return isinstance(command, str) and any(f"{command} ".startswith(f"python -m stages.{kind} ") for kind in KINDS)


def read(path: Path = FILE) -> GraphFile:
    """Read a dvc.yaml; an empty one where there is no file.

    Raises:
        UserError: it cannot be read, or is no YAML of stages.
    """
    try:
        text = path.read_text(encoding="utf-8")
        check_depth(text)
        root = yaml.compose(text, LOADER)
        values = yaml.load(text, LOADER)  # noqa: S506 - safe
    except FileNotFoundError:
        return GraphFile("", {}, {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: cannot be read ({reason}); mend it, or delete it and run `ser graph`") from error
    if root is None or values is None:
        return GraphFile(text, {}, {})
    if not isinstance(root, yaml.MappingNode) or not isinstance(values.get("stages") or {}, dict):
        raise UserError(f"{path}: is no graph of stages; mend it, or delete it and run `ser graph`")
    _check_keys(root, values, path)
    lines = text.splitlines(keepends=True)
    sections = dict(zip(values, _blocks(root, values, lines, 0, len(lines)), strict=True))
    stages: dict[str, Block] = {}
    plots: list[Block] = []
    for (key, node), end in _with_ends(root, len(lines)):
        last = end if end == len(lines) else _above(lines, end)
        if key.value == "stages" and isinstance(node, yaml.MappingNode):
            _check_keys(node, values["stages"], path)
            stages = dict(zip(values["stages"], _blocks(node, values["stages"], lines, 2, last), strict=True))
        elif key.value == "plots" and isinstance(node, yaml.SequenceNode):
            plots = _blocks(node, values["plots"], lines, 2, last)
    return GraphFile(text, stages, {k: v for k, v in sections.items() if k not in ("stages", "plots")}, plots)


def check_depth(text: str | bytes) -> None:
    """Refuse values that lie far deeper in each other than in params.yaml, which libyaml's recursion does not survive.

    Raises:
        yaml.YAMLError: they do, or it is no YAML.
    """
    depth = 0
    for event in yaml.parse(text, LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_LEVELS:
            raise yaml.YAMLError(f"more than {MOST_LEVELS} levels of nesting")


def _check_keys(node: yaml.MappingNode, values: Mapping[Any, Any], path: Path) -> None:
    if [key.value for key, _ in node.value] != [*values]:
        raise UserError(f"{path}: the names from line {node.start_mark.line + 1} on must be texts, each once; mend it")


def _with_ends(node: yaml.MappingNode, end: int) -> Iterator[tuple[tuple[yaml.Node, yaml.Node], int]]:
    """Each pair of a mapping, and the line before which the next pair begins."""
    starts = [key.start_mark.line for key, _ in node.value]
    yield from zip(node.value, [*starts[1:], end], strict=True)


def _blocks(node: yaml.CollectionNode, values: Any, lines: Sequence[str], column: int, end: int) -> list[Block]:
    """Each pair's or item's value and lines, moved to a column; with the comment above, without that above the next."""
    items = [{key: value} for key, value in values.items()] if isinstance(values, Mapping) else [[v] for v in values]
    meant = [*values.values()] if isinstance(values, Mapping) else values
    if node.flow_style:
        texts = [_moved(yaml.safe_dump(item, sort_keys=False, allow_unicode=True), column) for item in items]
    else:
        starts = [(pair[0] if isinstance(pair, tuple) else pair).start_mark.line for pair in node.value]
        texts = [
            _moved(_without_blank_end(lines[_above(lines, start) : stop]), column - node.start_mark.column)
            for start, stop in zip(starts, [*(_above(lines, start) for start in starts[1:]), end], strict=True)
        ]
    return [Block(value, text) for value, text in zip(meant, texts, strict=True)]


def _above(lines: Sequence[str], line: int) -> int:
    """The first line of the comment that stands above a line."""
    while line > 0 and lines[line - 1].lstrip().startswith("#"):
        line -= 1
    return line


def _without_blank_end(lines: Sequence[str]) -> str:
    last = max(number for number, line in enumerate(lines) if line.strip())
    return "".join(lines[: last + 1]).rstrip("\n") + "\n"


def _moved(text: str, columns: int) -> str:
    """Lines moved to the right, or to the left where the number is negative."""
    if columns >= 0:
        return "".join(" " * columns + line if line.strip() else line for line in text.splitlines(keepends=True))
    return re.sub(f"^ {{1,{-columns}}}", "", text, flags=re.MULTILINE)


def written(stages: Sequence[Stage], before: GraphFile) -> str:
    """The text of dvc.yaml with these stages, and with all of the user's that was there before.

    Raises:
        UserError: a stage of the user's has the name of one of these.
    """
    old = before.own()
    for stage in stages:
        if stage.name in before.users():
            raise UserError(
                f"{FILE}: stage {stage.name!r} has a command that is not `ser graph`'s, which needs this name; rename "
                "or delete it"
            )
    parts = [HEAD, "stages:\n" if stages or before.users() else "stages: {}\n"]
    kind = ""
    for stage in stages:
        if kind and stage.name.partition("-")[0] != kind:
            parts.append("\n")
        kind = stage.name.partition("-")[0]
        users = {key: value for key, value in old.get(stage.name, {}).items() if key in USERS_KEYS}
        parts.append(render(stage.name, {**stage.body(), **users}))
    parts += [f"\n{block.text}" for block in before.users().values()]
    parts += [f"\n{text}" for text in _sections(stages, before)]
    return "".join(parts)


def _sections(stages: Sequence[Stage], before: GraphFile) -> Iterator[str]:
    own = [f"  - {PICTURES}\n"] if any(stage.name == "evaluate" for stage in stages) else []
    users = [block.text for block in before.plots if block.value not in OWN_PLOTS]
    if own or users:
        yield "".join(["plots:\n", *own, *users])
    yield from (block.text for block in before.sections.values())


def write(text: str, path: Path = FILE) -> None:
    """Write the file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


@dataclass(frozen=True)
class Difference:
    """Names of stages: in the new graph only, in both but not the same, in the old one only."""

    added: list[str]
    changed: dict[str, list[str]]
    """name -> keys"""
    dropped: list[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.dropped)


def difference(stages: Sequence[Stage], before: GraphFile) -> Difference:
    """What new stages change of those that a dvc.yaml has."""
    old, new = before.own(), {stage.name: stage.body() for stage in stages}
    changed = {name: changed_keys(body, old[name]) for name, body in new.items() if name in old}
    return Difference(
        [name for name in new if name not in old],
        {name: keys for name, keys in changed.items() if keys},
        [name for name in old if name not in new],
    )


def changed_keys(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    """The keys in which a stage is another."""
    return [key for key in (*OWN_KEYS, "foreach", "matrix", "do") if new.get(key) != old.get(key)]
