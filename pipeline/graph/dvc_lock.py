"""dvc.lock without what no stage makes any more, which DVC leaves there, and without what it has half-written."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.graph.dvc_yaml import LOADER, check_depth, is_own, read, write
from pipeline.graph.stage import Stage

FILE = Path("dvc.lock")
HEAD = "schema: '2.0'\nstages:\n"
"""how DVC begins it"""
STAGE = re.compile(r"^  (?=\S)", re.MULTILINE)
"""where the line of a stage's name begins"""
DIGEST = re.compile(r"[0-9a-f]{32}(\.dir)?")


def pruned(stages: Sequence[Stage], users: Collection[str], path: Path = FILE) -> str | None:
    """The text of dvc.lock without dropped stages, and without outputs that a stage no longer has.

    Args:
        stages: all stages of the program's own that there are now.
        users: the names of the user's own stages, which stay as they are.
        path: the file.

    Returns:
        None where nothing changes.

    Raises:
        UserError: it cannot be read, or is no YAML of stages.
    """
    before = read(path)
    outputs = {stage.name: stage.paths() for stage in stages}
    rest = []
    for name, block in before.stages.items():
        if not is_own(block.value) or name in users:
            rest.append(block.text)
        elif name in outputs:
            rest.append("".join(_lines(block.text, outputs[name])))
    if rest == [block.text for block in before.stages.values()]:
        return None
    sections = [block.text for block in before.sections.values()]
    return "".join([*sections, "stages:\n" if rest else "stages: {}\n", *rest])


def stage_names(path: Path = FILE) -> list[str]:
    """The stages that a dvc.lock has, in its order; none where there is no file.

    Raises:
        UserError: it cannot be read, or is no YAML of stages.
    """
    return [*read(path).stages]


def sort(path: Path, known: Collection[str], order: Sequence[str]) -> None:
    """Write the stages of a dvc.lock that are not `known` in this order, after those that are.

    Raises:
        UserError: it cannot be read, or is no YAML of stages.
    """
    before, rank = read(path), {name: place for place, name in enumerate(order)}
    new = sorted((name for name in before.stages if name not in known), key=lambda name: rank.get(name, len(rank)))
    names = [*(name for name in before.stages if name in known), *new]
    if names != [*before.stages]:
        old, ordered = ("".join(before.stages[name].text for name in each) for each in (before.stages, names))
        write(before.text.replace(old, ordered), path)


def _lines(text: str, outputs: Collection[str]) -> Iterator[str]:
    """The lines of one stage without outputs that are not among these, each of which is a few lines from `- path:`."""
    title, section, kept = "", "", True
    for line in text.splitlines(keepends=True):
        if line.startswith("    ") and line[4] not in " -":
            section, kept = line.strip().partition(":")[0], True
            if section == "outs":  # its title stands only above an output
                title, kept = line, False
        elif section == "outs" and line.startswith("    - path:"):
            kept = yaml.safe_load(line)[0]["path"] in outputs
            if kept and title:
                yield title
                title = ""
        if kept:
            yield line


def is_cut(data: bytes) -> bool:
    """Whether a dvc.lock is one that a killed DVC leaves: empty, or without its end.

    All before its last stage is whole then; what is damaged elsewhere was damaged by others, and is left to them.
    """
    if is_whole(data):
        return False
    text = data.decode(errors="replace")
    rest = text.removeprefix(whole_stages(data) or HEAD)
    return HEAD.startswith(text.strip("\0")) or (text.startswith(HEAD) and len(STAGE.findall(rest)) <= 1)


def is_whole(data: bytes) -> bool:
    """Whether a dvc.lock is as DVC writes it, to the end."""
    try:
        check_depth(data)
        values = yaml.load(data, LOADER)  # noqa: S506 - safe
    except (yaml.YAMLError, ValueError, RecursionError):
        return False
    stages = values.get("stages") if isinstance(values, Mapping) else None
    return (
        data.endswith(b"\n")
        and isinstance(stages, Mapping)
        and "schema" in values
        and all(map(_is_stage, stages.values()))
    )


def _is_stage(body: Any) -> bool:
    if not isinstance(body, Mapping) or not body.get("cmd"):
        return False
    files = [body.get("deps", []), body.get("outs", [])]
    params = body.get("params", {})
    if not all(isinstance(each, list) for each in files) or not isinstance(params, Mapping):
        return False
    return all(isinstance(each, Mapping) for each in params.values()) and all(
        _is_file(one) for each in files for one in each
    )


def _is_file(entry: Any) -> bool:
    """Whether an entry of a dependency or an output has all that was begun of it."""
    if not isinstance(entry, Mapping) or None in entry.values() or not isinstance(entry.get("path"), str):
        return False
    return "md5" not in entry or (isinstance(entry["md5"], str) and DIGEST.fullmatch(entry["md5"]) is not None)


def whole_stages(data: bytes) -> str:
    """The text of a dvc.lock up to the last whole stage; "" where there is none."""
    lines = data.decode(errors="replace").splitlines(keepends=True)
    while lines and not is_whole("".join(lines).encode()):
        lines = lines[: max((i for i, line in enumerate(lines) if STAGE.match(line)), default=0)]
    return "".join(lines)
