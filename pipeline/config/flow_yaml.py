"""YAML on one line that `strict_yaml` reads as what it was made of; apart from it, as no stage writes any."""

import re
from math import inf
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Quotes each text that would be a number for `strict_yaml` (1e3) or for DVC (08, 0o17), and not for PyYAML."""


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:0o[0-7_]+|\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)$"),
    list("-+.0123456789"),
)


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    text = yaml.dump([value], Dumper=_Dumper, default_flow_style=True, width=inf, sort_keys=False, allow_unicode=True)
    return text[1:-2]
