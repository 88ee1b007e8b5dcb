"""Put new entries into a YAML text, and leave every other character of it, comments too, as it was.

A YAML library's round trip does not do: it hangs the comment above a section on the section before it, so that what is
added there comes after the comment of the next one.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

import yaml

NULL = "tag:yaml.org,2002:null"
WIDTH = 120
INDENT = 2


def insert(text: str, path: Sequence[str], entries: Mapping[str, Any], comment: str = "") -> str:
    """Add entries at the end of the mapping at `path`, which is made where it is not there.

    Args:
        text: YAML whose root is a mapping.
        path: keys from the root to the mapping; none for the root itself.
        entries: what to add; none of its keys may be there.
        comment: a line to stand above what is added (block style only).

    Raises:
        ValueError: there is something else than a mapping at the path.
    """
    node: Any = yaml.compose(text, yaml.SafeLoader)
    root, column, block = True, 0, True
    for depth, key in enumerate(path):
        found = _child(node, key)
        if found is None:
            entries = _nest(path[depth:], entries)
            break
        key_node, node = found
        root, column = False, key_node.start_mark.column + INDENT
        block = block and not (isinstance(node, yaml.CollectionNode) and node.flow_style and node.value)
    if not root and block and (node.tag == NULL or not node.value):
        return _fill(text, node, column, entries, comment)
    return _into(text, node, root, entries, comment)


def extend(text: str, path: Sequence[str], values: Sequence[Any]) -> str:
    """Add values at the end of the list at `path`, which is made where it is not there."""
    node: Any = yaml.compose(text, yaml.SafeLoader)
    for depth, key in enumerate(path):
        found = _child(node, key)
        if found is None:
            return insert(text, path[:depth], _nest(path[depth:], list(values)))
        node = found[1]
    if not isinstance(node, yaml.SequenceNode):
        raise ValueError(f"{'.'.join(path)} is no list")
    if node.flow_style:
        return _into_brackets(text, node, ", ".join(map(flow, values)))
    at = _end_of_line(text, _end(node))
    lines = [" " * node.start_mark.column + f"- {flow(value)}" for value in values]
    return text[:at] + "".join(f"\n{line}" for line in lines) + text[at:]


def render(name: str, value: Any, column: int) -> list[str]:
    """The lines of one entry: in one line where it fits, or one line for each of its keys."""
    line = f"{' ' * column}{flow(name)}: {flow(value)}"
    if len(line) <= WIDTH or not isinstance(value, Mapping):
        return [line]
    inner = [line for key, item in value.items() for line in render(key, item, column + INDENT)]
    return [f"{' ' * column}{flow(name)}:", *inner]


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    return yaml.safe_dump([value], default_flow_style=True, width=inf, sort_keys=False, allow_unicode=True)[1:-2]


def _nest(path: Sequence[str], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return dict(value)


def _child(node: Any, key: str) -> tuple[Any, Any] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next(((name, value) for name, value in node.value if name.value == key), None)


def _block(entries: Mapping[str, Any], column: int) -> list[str]:
    """Entries as lines; a group, whose values are entries in turn, is never put on one line."""
    lines = []
    for name, value in entries.items():
        if value and isinstance(value, Mapping) and all(isinstance(item, Mapping) for item in value.values()):
            lines += [f"{' ' * column}{flow(name)}:", *_block(value, column + INDENT)]
        else:
            lines += render(name, value, column)
    return lines


def _into(text: str, node: Any, root: bool, entries: Mapping[str, Any], comment: str) -> str:
    """Add entries to a mapping that has some, or that stands in braces."""
    if not isinstance(node, yaml.MappingNode):
        raise ValueError(f"line {node.start_mark.line + 1} is no mapping")
    if node.flow_style:
        return _into_brackets(text, node, flow(dict(entries))[1:-1])
    column = node.value[0][0].start_mark.column
    lines = [*_comment(comment, column), *_block(entries, column)]
    if root:
        return text.rstrip("\n") + "\n\n" + "\n".join(lines) + "\n"
    at = _end_of_line(text, _end(node))
    return text[:at] + "".join(f"\n{line}" for line in lines) + text[at:]


def _fill(text: str, node: Any, column: int, entries: Mapping[str, Any], comment: str) -> str:
    """Put entries in the place of `{}`, null or nothing."""
    start, end = node.start_mark.index, node.end_mark.index
    lines = [*_comment(comment, column), *_block(entries, column)]
    at = _end_of_line(text, end)
    return text[:start].rstrip(" ") + text[end:at].rstrip() + "".join(f"\n{line}" for line in lines) + text[at:]


def _comment(comment: str, column: int) -> list[str]:
    return [f"{' ' * column}# {comment}"] if comment else []


def _into_brackets(text: str, node: Any, added: str) -> str:
    at = _end(node) if node.value else node.start_mark.index + 1
    return text[:at] + (", " if node.value else "") + added + text[at:]


def _end(node: Any) -> int:
    """Where the last value of a collection ends; the end that YAML itself gives to a block is after the comments."""
    last = node.value[-1]
    key, value = last if isinstance(last, tuple) else (last, last)
    if value.start_mark.index < key.start_mark.index:  # an alias: the node is where its anchor is
        return int(node.end_mark.index - 1 if node.flow_style else key.end_mark.index)
    if isinstance(value, yaml.CollectionNode) and not value.flow_style and value.value:
        return _end(value)
    return int(value.end_mark.index)


def _end_of_line(text: str, index: int) -> int:
    while index > 0 and text[index - 1] == "\n":
        index -= 1
    end = text.find("\n", index)
    return len(text) if end < 0 else end
