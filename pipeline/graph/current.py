"""What a stage begins with: the params, and proof that dvc.yaml is what `ser graph` writes of them."""

from pathlib import Path

from pipeline.config.document import located, read_text, validated
from pipeline.config.params import FILE, Params
from pipeline.config.strict_yaml import parse
from pipeline.errors import ParamsError
from pipeline.graph import dvc_yaml
from pipeline.graph.stages import graph_stages


def params_for(stage: str, path: Path = FILE) -> Params:
    """The params, for a stage of the graph. Where there is no dvc.yaml, as in a script of one's own, nothing is held.

    Raises:
        ParamsError: params.yaml is missing or wrong, or asks for another stage of this name than dvc.yaml has. For
            `evaluate`, any stage of the graph.
    """
    text = read_text(path)
    data = parse(text, str(path))
    params, problems = validated(data)
    if params is None or problems:
        raise ParamsError("\n".join(located(problems, text, path)))
    graph = dvc_yaml.read()
    if graph.text:
        stages = graph_stages(params, data)
        changes = dvc_yaml.difference(stages, graph)
        stale = [*changes.added, *changes.dropped, *changes.changed]
        if stage in stale or (stage == "evaluate" and stale):
            name = stale[0] if stage == "evaluate" else stage
            raise ParamsError(f"{dvc_yaml.FILE} is older than {_reason(name, changes, path)}; run `ser graph`")
    return params


def _reason(name: str, changes: dvc_yaml.Difference, path: Path) -> str:
    if name == "code" and changes.changed.get(name) == ["cmd"]:
        return "the installed program"
    how = "new in" if name in changes.added else "no longer in" if name in changes.dropped else "changed by"
    return f"{path}: stage {name} is {how} it"
