"""What a stage begins with: the params, and proof that dvc.yaml is what `ser graph` writes of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.config.document import located, read_text, validated
from pipeline.config.params import FILE, Params
from pipeline.config.strict_yaml import parse
from pipeline.errors import ParamsError
from pipeline.graph import dvc_yaml
from pipeline.graph.code import code_command
from pipeline.graph.stage import OWN_KEYS, Stage
from pipeline.graph.stages import graph_stages, work_stages

WHOLE = ("code", "evaluate")
"""stages that hold the whole graph, and not only themselves, against params.yaml: the first and the last"""


def params_for(stage: str, path: Path = FILE) -> Params:
    """The params, for a stage of the graph. Where there is no dvc.yaml, as in a script of one's own, nothing is held.

    Raises:
        ParamsError: params.yaml is missing or wrong, or asks for another stage of this name than dvc.yaml has; for
            `code` and `evaluate`, any stage of the graph.
    """
    text = read_text(path)
    data = parse(text, str(path))
    params, problems = validated(data)
    if params is None or problems:
        raise ParamsError("\n".join(located(problems, text, path)))
    graph = dvc_yaml.read()
    if graph.text:
        stages = (graph_stages if stage in WHOLE else work_stages)(params, data or {})
        changes = dvc_yaml.difference(stages, graph)
        moved = _moved(stages, graph)
        stale = [*changes.added, *changes.dropped, *(name for name in changes.changed if name not in moved)]
        if stage in (*stale, *changes.changed) or (stage in WHOLE and stale):
            name = stale[0] if stage in WHOLE and stale else stage
            raise ParamsError(f"{dvc_yaml.FILE} is older than {_reason(name, changes, path)}; run `ser graph`")
    return params


def is_of_another_program() -> bool:
    """Whether dvc.yaml was written by another version of the installed program: DVC sees none of the program's files.

    Raises:
        UserError: there is a dvc.yaml that cannot be read.
    """
    command = dvc_yaml.read().own().get("code", {}).get("cmd")
    return command not in (None, code_command())


def _moved(stages: Sequence[Stage], graph: dvc_yaml.GraphFile) -> set[str]:
    """The stages that differ only in where recordings outside the project lie, as on another machine."""
    old = graph.own()
    return {
        stage.name
        for stage in stages
        if stage.name in old and _without_outside(stage.body()) == _without_outside(old[stage.name])
    }


def _without_outside(body: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: body.get(key) for key in OWN_KEYS}
    return {**own, "deps": [dep for dep in own["deps"] or [] if not Path(str(dep)).is_absolute()]}


def _reason(name: str, changes: dvc_yaml.Difference, path: Path) -> str:
    if name == "code" and changes.changed.get(name) == ["cmd"]:
        return "the installed program"
    how = "new in" if name in changes.added else "no longer in" if name in changes.dropped else "changed by"
    return f"{path}: stage {name} is {how} it"
