"""The stages of a params.yaml that has nothing wrong, neither in itself nor against the disk."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.graph.stage import Stage


def checked_stages(text: str, path: Path) -> "list[Stage]":
    """The stages that the text of a params.yaml asks for.

    Raises:
        ParamsError: all that is wrong in it, or not as it says on the disk, a line each.
    """
    from pipeline.config.document import asks_for_nothing, located, validated
    from pipeline.config.strict_yaml import parse
    from pipeline.config.system_params import system_params_problems
    from pipeline.config.unmet import unmet_demands
    from pipeline.errors import ParamsError
    from pipeline.experiments.readiness import readiness_problems
    from pipeline.graph.stages import filled_in, graph_stages, name_clashes

    data = parse(text, str(path))
    params, problems = validated(data)
    if not problems and asks_for_nothing(data):
        raise ParamsError(
            f"{path}: is empty, or has no entry but settings, so that no stage would be left; bring it back, as with "
            f"`git checkout {path}`, or delete it and run `ser init`"
        )
    if params is not None:
        problems += system_params_problems(params)
        problems += unmet_demands(params)
        problems += readiness_problems(params)
    if params is None or problems:
        raise ParamsError("\n".join(located(problems, text, path)))
    stages = graph_stages(params, data or {})
    if wrong := [*name_clashes(stages), *filled_in(stages)]:
        raise ParamsError("\n".join(f"{path}: {problem}" for problem in wrong))
    return stages
