"""`ser graph`: params.yaml -> dvc.yaml, after a look at everything that could go wrong."""

from typing import TYPE_CHECKING

import click

from pipeline.commands.checked import checked_stages
from pipeline.commands.command import Command
from pipeline.errors import printable

if TYPE_CHECKING:
    from pipeline.graph.dvc_yaml import Difference


@click.command(cls=Command)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if dvc.yaml is not current, and say why.")
def graph(check: bool) -> None:
    """Write dvc.yaml: a stage for each thing that params.yaml asks for.

    All that is wrong in params.yaml, or not as it says on the disk, is said at once, and then nothing is written.
    Stages that you wrote yourself stay. What a killed DVC left half-written, dvc.lock or its own rwlock, is mended.
    """
    from pipeline.config.document import read_text
    from pipeline.config.params import FILE
    from pipeline.graph import dvc_state, dvc_yaml
    from pipeline.graph.files import bring_up_to_date

    for line in [] if check else dvc_state.mend():
        click.echo(line)
    stages, before = checked_stages(read_text(FILE), FILE), dvc_yaml.read()
    if check:
        for path in dvc_state.broken():
            click.echo(f"{path} was half-written by a DVC that was killed; run `ser graph`, which mends it", err=True)
            raise SystemExit(1)
        if dvc_yaml.written(stages, before) != before.text:
            changes = dvc_yaml.difference(stages, before)
            _say(changes, "would be ")
            how = "" if changes else ", though only in its layout"
            click.echo(f"{dvc_yaml.FILE} is not what `ser graph` writes{how}; run it", err=True)
            raise SystemExit(1)
        click.echo(f"{dvc_yaml.FILE} is current: {len(stages)} stages")
        return
    _say(bring_up_to_date(stages), "")
    for name, block in before.users().items():
        click.echo(f"kept     {name}, your own: {_command(block.value)}")
    users = f", and {len(before.users())} of your own" if before.users() else ""
    click.echo(f"{dvc_yaml.FILE}: {len(stages)} stages{users}; `dvc repro` runs them")


def _command(stage: object) -> str:
    """All that a stage of the user's runs, on one line."""
    body = stage if isinstance(stage, dict) else {}
    command = body.get("cmd", body.get("do", body))
    return printable(" && ".join(map(str, command)) if isinstance(command, list) else str(command))


def _say(changes: "Difference", mood: str) -> None:
    for name in changes.added:
        click.echo(f"{mood}added    {name}")
    for name, keys in changes.changed.items():
        click.echo(f"{mood}changed  {name} ({', '.join(keys)})")
    for name in changes.dropped:
        click.echo(f"{mood}dropped  {name}")
