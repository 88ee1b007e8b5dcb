"""`ser graph`: params.yaml -> dvc.yaml, after a look at everything that could go wrong."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.command import Command

if TYPE_CHECKING:
    from pipeline.graph.dvc_yaml import Difference
    from pipeline.graph.stage import Stage


@click.command(cls=Command)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if dvc.yaml is not current, and say why.")
def graph(check: bool) -> None:
    """Write dvc.yaml: a stage for each thing that params.yaml asks for.

    All that is wrong in params.yaml, or not as it says on the disk, is said at once, and then nothing is written.
    Stages that you wrote yourself stay.
    """
    from pipeline.graph import dvc_yaml
    from pipeline.graph.files import bring_up_to_date

    stages, before = _stages(), dvc_yaml.read()
    if check:
        if dvc_yaml.written(stages, before) != before.text:
            _say(dvc_yaml.difference(stages, before), "would be ")
            click.echo(f"{dvc_yaml.FILE} is not what `ser graph` writes; run it", err=True)
            raise SystemExit(1)
        click.echo(f"{dvc_yaml.FILE} is current: {len(stages)} stages")
        return
    _say(bring_up_to_date(stages), "")
    users = f", and {len(before.users())} of your own" if before.users() else ""
    click.echo(f"{dvc_yaml.FILE}: {len(stages)} stages{users}; `dvc repro` runs them")


def _stages() -> "list[Stage]":
    from pipeline.config.document import located, read_text, validated
    from pipeline.config.params import FILE
    from pipeline.config.strict_yaml import parse
    from pipeline.config.system_params import system_params_problems
    from pipeline.errors import ParamsError
    from pipeline.experiments.readiness import readiness_problems
    from pipeline.graph.stages import graph_stages, name_clashes

    text = read_text(FILE)
    data = parse(text, str(FILE))
    params, problems = validated(data)
    if params is not None:
        problems += system_params_problems(params)
        problems += readiness_problems(params)
    if params is None or problems:
        raise ParamsError("\n".join(located(problems, text, Path(FILE))))
    stages = graph_stages(params, data)
    if clashes := name_clashes(stages):
        raise ParamsError("\n".join(f"{FILE}: {clash}" for clash in clashes))
    return stages


def _say(changes: "Difference", mood: str) -> None:
    for name in changes.added:
        click.echo(f"{mood}added    {name}")
    for name, keys in changes.changed.items():
        click.echo(f"{mood}changed  {name} ({', '.join(keys)})")
    for name in changes.dropped:
        click.echo(f"{mood}dropped  {name}")
