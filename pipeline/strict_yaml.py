"""YAML in which a key that stands twice is an error, and 1e-4 is a number, as in YAML 1.2 and for DVC."""

import re
from typing import Any

import yaml

from pipeline.errors import ParamsError


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error."""


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
