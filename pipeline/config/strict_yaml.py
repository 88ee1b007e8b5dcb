"""YAML in which a key that stands twice is an error, and 1e-4 is a number, as in YAML 1.2 and for DVC.

Size, items and nesting are limited while the text is read, before anything is made of it. What an alias or a merge key
brings in counts each time, so that a few anchors cannot stand for millions of items.
"""

import re
from collections.abc import Hashable
from typing import Any

import yaml

from pipeline.errors import ParamsError

LONGEST = 1 << 20
"""characters of the text"""
DEEPEST = 50
"""levels of nesting; the params have ten at most, and PyYAML fails without a place at some hundreds"""
MOST = 10_000
"""keys and values; an experiment has some twenty"""


class _LimitedLoader(yaml.SafeLoader):
    """YAML of limited size, in which a key that stands twice is an error, and each error has its place."""

    depth = 0
    deepest = 0
    """level reached since the value that is being read began"""
    count = 0
    """keys and values so far"""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.extents: dict[str, tuple[int, int]] = {}
        """anchor -> how many items and levels it stands for"""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Read one value, whatever is in it included."""
        event = self.peek_event()
        aliased = isinstance(event, yaml.AliasEvent)
        if aliased and event.anchor in self.anchors and event.anchor not in self.extents:
            raise yaml.composer.ComposerError(None, None, f"*{event.anchor} stands in itself", event.start_mark)
        items, levels = self.extents.get(event.anchor, (1, 1)) if aliased else (1, 1)
        before, reached = self.count, self.deepest
        self.depth += 1
        self.count += items
        self.deepest = self.depth + levels - 1
        self._check_limits(event.start_mark)
        node = super().compose_node(parent, index)
        if not aliased and event.anchor is not None:
            self.extents[event.anchor] = self.count - before, self.deepest - self.depth + 1
        self.deepest = max(self.deepest, reached)
        self.depth -= 1
        return node

    def _check_limits(self, mark: yaml.Mark) -> None:
        if self.deepest > DEEPEST:
            raise yaml.composer.ComposerError(None, None, f"more than {DEEPEST} levels of nesting", mark)
        if self.count > MOST:
            problem = f"more than {MOST} keys and values, with those that aliases repeat"
            raise yaml.composer.ComposerError(None, None, problem, mark)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Make the Python value of one node."""
        _check_sexagesimal(node)
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, AttributeError, LookupError, OverflowError) as error:  # as 2024-99-99, !!int x
            text = repr(node.value) if isinstance(node, yaml.ScalarNode) else "this"
            shown = text if len(text) < 60 else f"{text[:57]}..."
            problem = f"{shown} is no valid {node.tag.rpartition(':')[2]} (text can stand in quotes)"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


def _check_sexagesimal(node: yaml.Node) -> None:
    """Refuse 1:30, which is the number 90 in YAML 1.1, and text in YAML 1.2 and for DVC."""
    if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float") and ":" in node.value:
        problem = f"{node.value!r} would be a number to base 60; write it as a plain number, or as text in quotes"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _mapping(loader: _LimitedLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    # Before anchors are merged in (`<<: *base`), whose keys may be given anew.
    keys = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, Hashable) and key in keys:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
        if isinstance(key, Hashable):  # construct_mapping refuses the others
            keys.add(key)
    return loader.construct_mapping(node, deep=True)


_LimitedLoader.add_constructor("tag:yaml.org,2002:map", _mapping)
_LimitedLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def parse(text: str, where: str) -> Any:
    """Read YAML; `where` names it in errors.

    Raises:
        ParamsError: it is not valid, or too large.
    """
    if len(text) > LONGEST:
        raise ParamsError(f"{where}: has {len(text)} characters, and {LONGEST} are the most; split it")
    try:
        loader = _LimitedLoader(text)
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
