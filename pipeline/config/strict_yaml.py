"""YAML in which a key that stands twice is an error, and 1e-4 is a number, as in YAML 1.2 and for DVC."""

import re
from typing import Any

import yaml

from pipeline.errors import ParamsError

DEEPEST = 50
"""levels of nesting; the params have ten at most, and PyYAML fails without a place at some hundreds"""


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, and each error has its place."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Read one value, whatever is in it included."""
        self.depth += 1
        if self.depth > DEEPEST:
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, f"more than {DEEPEST} levels of nesting", mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Make the Python value of one node."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, AttributeError, LookupError, OverflowError) as error:  # as 2024-99-99, !!int x
            text = repr(node.value) if isinstance(node, yaml.ScalarNode) else "this"
            shown = text if len(text) < 60 else f"{text[:57]}..."
            problem = f"{shown} is no valid {node.tag.rpartition(':')[2]} (text can stand in quotes)"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


def _mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    # Before anchors are merged in (`<<: *base`), whose keys may be given anew.
    nodes = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
    keys = [loader.construct_object(key) for key in nodes]
    for i, key in enumerate(keys):
        if key in keys[:i]:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", nodes[i].start_mark)
    return loader.construct_mapping(node, deep=True)


_UniqueKeyLoader.add_constructor("tag:yaml.org,2002:map", _mapping)
_UniqueKeyLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+"), list("-+.0123456789")
)


def parse(text: str, where: str) -> Any:
    """Read YAML; `where` names it in errors.

    Raises:
        ParamsError: it is not valid.
    """
    try:
        loader = _UniqueKeyLoader(text)
        loader.name = where
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise ParamsError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from error


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Where each key of valid YAML stands: the keys from the root to it -> its line, from 1.

    What an alias brings in counts where it is defined.
    """
    lines: dict[tuple[str, ...], int] = {}
    _add_lines(yaml.compose(text, yaml.SafeLoader), (), lines)
    return lines


def _add_lines(node: yaml.Node | None, path: tuple[str, ...], lines: dict[tuple[str, ...], int]) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        place = (*path, str(key.value))
        lines[place] = key.start_mark.line + 1
        _add_lines(value, place, lines)
