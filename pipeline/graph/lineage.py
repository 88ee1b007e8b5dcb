"""What results come from: the params and files of all stages before them, as dvc.lock records them."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from pipeline import paths
from pipeline.config.params import FILE as PARAMS_FILE
from pipeline.graph import dvc_lock
from pipeline.graph.dvc_yaml import LOADER, is_own
from pipeline.graph.project import IGNORED_BY_DVC

Scope = tuple[str, ...]
"""a section of params.yaml, or a section and the name of an entry of it"""

EVALUATION = "evaluate"
"""the stage that scores"""


class _CoreLoader(LOADER):
    """YAML 1.2's core schema, as DVC reads and writes it: `no` and 1:30 are texts, and 1e-05 is a number."""

    yaml_implicit_resolvers: dict[str, Any] = {}


def _integer(loader: Any, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    return int(text, 0) if text.lstrip("+-")[:2].lower() in ("0x", "0o", "0b") else int(text)


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), list(_first))
_CoreLoader.add_constructor("tag:yaml.org,2002:int", _integer)


def plain(text: bytes | None) -> Mapping[str, Any]:
    """What a file of YAML holds, as DVC reads it; empty for what is none."""
    try:
        data = yaml.load(text or b"", _CoreLoader)  # noqa: S506 - safe
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, Mapping) else {}


@dataclass(frozen=True)
class Lineage:
    """What a result was made with.

    Attributes:
        params: scope -> its value, of each stage on the way, the nearest first. Keys that a stage does not read are not
            in it.
        newer: files on the way that were made anew since they were read, so that nothing is known of what was.
    """

    params: list[tuple[Scope, Any]] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)


class Lock:
    """A dvc.lock, of which the program's own stages are looked at; one that is absent or cut has none."""

    def __init__(self, data: bytes | None) -> None:
        values = plain(data) if data is not None and dvc_lock.is_whole(data) else {}
        self._stages = {name: body for name, body in values.get("stages", {}).items() if is_own(body)}
        self._makers: dict[str, list[tuple[Mapping[str, Any], str | None]]] = {}
        for body in self._stages.values():
            for path, digest in _digests(body, "outs").items():
                self._makers.setdefault(path, []).append((body, digest))

    @property
    def evaluated(self) -> Mapping[str, Any] | None:
        """The params of the stage that scored: key -> value; None where it is not recorded."""
        return _params(self._stages[EVALUATION]) if EVALUATION in self._stages else None

    def scored(self, path: Path) -> str | None:
        """The digest of a file or folder when it was scored; None where that is not known."""
        return _digests(self._stages.get(EVALUATION, {}), "deps").get(path.as_posix())

    def of(self, path: Path) -> Lineage:
        """Where a file or folder that was scored comes from. Code is not looked at."""
        found, seen = Lineage(), set()
        ahead = [(path.as_posix(), self.scored(path))]
        for file, digest in ahead:  # which grows on the way
            makers = self._makers.get(file, [])
            if (file, digest) in seen or not makers:
                continue
            seen.add((file, digest))
            body = next((body for body, made in makers if None in (digest, made) or made == digest), None)
            if body is None:
                found.newer.append(file)
                continue
            found.params.extend(_scopes(_params(body)))
            ahead += [
                dep for dep in _digests(body, "deps").items() if not dep[0].startswith(f"{paths.CODE.as_posix()}/")
            ]
        return found


def _params(body: Mapping[str, Any]) -> Mapping[str, Any]:
    values = body.get("params", {}).get(PARAMS_FILE.name, {})
    return values if isinstance(values, Mapping) else {}


def _scopes(values: Mapping[str, Any]) -> Iterator[tuple[Scope, Any]]:
    """The dotted keys of a stage as scopes: those of one entry, as `experiments.pooled.system`, together."""
    entries: dict[Scope, Any] = {}
    for key, value in values.items():
        section, *inner = str(key).split(".")
        scope = (section, *inner[:1])
        if len(inner) > 1:
            entries.setdefault(scope, {})[".".join(inner[1:])] = value
        else:
            entries[scope] = value
    yield from entries.items()


def _digests(body: Mapping[str, Any], kind: str) -> dict[str, str | None]:
    """Path -> digest of a stage's dependencies or outputs; None for one that DVC 3 did not write."""
    return {one["path"]: one.get("md5") if one.get("hash") == "md5" else None for one in body.get(kind, [])}


def digest_of(path: Path) -> str | None:
    """The MD5 of a file, or of a folder, as dvc.lock has them (`Tree.digest` of dvc-data); None where there is none."""
    if path.is_file():
        return _md5(path)
    if not path.is_dir():
        return None
    files = {file.relative_to(path): file for file in path.rglob("*") if file.is_file()}
    rows = [
        {"md5": _md5(file), "relpath": inner.as_posix()}
        for inner, file in files.items()
        if not any(fnmatch(part, pattern) for part in inner.parts for pattern in IGNORED_BY_DVC)
    ]
    text = json.dumps(sorted(rows, key=lambda row: row["relpath"]), sort_keys=True)
    return f"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}.dir"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
