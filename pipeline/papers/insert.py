"""Put new entries into a YAML text, and leave every other character of it, comments too, as it was.

A YAML library's round trip does not do: it hangs the comment above a section on the section before it, so that what is
added there comes after the comment of the next one.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from pipeline.config.flow_yaml import flow

NULL = "tag:yaml.org,2002:null"
WIDTH = 120
INDENT = 2


def insert(text: str, section: str, entries: Mapping[str, Any], comment: str = "") -> str:
    """Add entries at the end of a section, which is made where it is not there.

    Args:
        text: YAML whose root is a mapping.
        section: key of the mapping that is added to.
        entries: what to add; none of its keys may be there.
        comment: a line to stand above what is added (block style only).

    Raises:
        ValueError: the root or the section is no mapping.
    """
    root = _checked(yaml.compose(text, yaml.SafeLoader))
    key, node = next(((key, value) for key, value in root.value if key.value == section), (None, None))
    if key is None or node is None:
        return _with_section(text, root, section, entries, comment)
    if not root.flow_style and _is_empty(node):
        return _fill(text, node, key.start_mark.column + INDENT, entries, comment)
    return _into(text, _checked(node), entries, comment)


def _checked(node: Any) -> yaml.MappingNode:
    if not isinstance(node, yaml.MappingNode):
        raise ValueError(f"line {node.start_mark.line + 1 if node else 1} is no mapping")
    return node


def _is_empty(node: yaml.Node) -> bool:
    return node.tag == NULL or (isinstance(node, yaml.MappingNode) and not node.value)


def render(name: str, value: Any, column: int) -> list[str]:
    """The lines of one entry: in one line where it fits, or one line for each of its keys."""
    line = f"{' ' * column}{flow(name)}: {flow(value)}"
    if len(line) <= WIDTH or not isinstance(value, Mapping):
        return [line]
    inner = [line for key, item in value.items() for line in render(key, item, column + INDENT)]
    return [f"{' ' * column}{flow(name)}:", *inner]


def _block(entries: Mapping[str, Any], column: int) -> list[str]:
    return [line for name, value in entries.items() for line in render(name, value, column)]


def _with_section(text: str, root: yaml.MappingNode, section: str, entries: Mapping[str, Any], comment: str) -> str:
    """Add a section at the end."""
    if root.flow_style:
        return _into_braces(text, root, {section: entries})
    column = root.value[0][0].start_mark.column
    lines = [*_comment(comment, column), f"{' ' * column}{flow(section)}:", *_block(entries, column + INDENT)]
    return text.rstrip("\n") + "\n\n" + "\n".join(lines) + "\n"


def _into(text: str, node: yaml.MappingNode, entries: Mapping[str, Any], comment: str) -> str:
    """Add entries to a section that has some, or that stands in braces."""
    if node.flow_style:
        return _into_braces(text, node, entries)
    column = node.value[0][0].start_mark.column
    at = _end_of_line(text, _end(node))
    lines = [*_comment(comment, column), *_block(entries, column)]
    return text[:at] + "".join(f"\n{line}" for line in lines) + text[at:]


def _fill(text: str, node: Any, column: int, entries: Mapping[str, Any], comment: str) -> str:
    """Put entries in the place of `{}`, null or nothing."""
    start, end = node.start_mark.index, node.end_mark.index
    lines = [*_comment(comment, column), *_block(entries, column)]
    at = _end_of_line(text, end)
    return text[:start].rstrip(" ") + text[end:at].rstrip() + "".join(f"\n{line}" for line in lines) + text[at:]


def _comment(comment: str, column: int) -> list[str]:
    return [f"{' ' * column}# {comment}"] if comment else []


def _into_braces(text: str, node: yaml.MappingNode, entries: Mapping[str, Any]) -> str:
    at = _end(node) if node.value else node.start_mark.index + 1
    return text[:at] + (", " if node.value else "") + flow(dict(entries))[1:-1] + text[at:]


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
