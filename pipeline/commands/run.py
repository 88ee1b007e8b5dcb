"""`ser run`: what `dvc repro` runs, with independent stages side by side."""

import time
from typing import TYPE_CHECKING

import click

from pipeline.commands.command import Command

if TYPE_CHECKING:
    from pipeline.graph.parallel_run import ParallelRun


@click.command(cls=Command)
@click.argument("targets", nargs=-1)
@click.option("-j", "--jobs", type=click.IntRange(1), default=1, help="Stages at once. Default: 1.")
@click.option("-k", "--keep-going", is_flag=True, help="After a failure, run what does not wait for what failed.")
def run(targets: tuple[str, ...], jobs: int, keep_going: bool) -> None:
    """Run the stages that have changed, or those that TARGETS need, as `dvc repro` does; --jobs of them side by side.

    DVC itself checks, runs and saves each stage, and dvc.lock is, to the byte, what `dvc repro` leaves. A line begins
    with the stage that writes it, and on a terminal the last line says what runs. The cores (SER_WORKERS) are shared
    among the stages that run when one starts; memory is not: on one GPU, so many trainings share what it has. Of four
    stages or more, libraries are loaded once for all (on Linux without a GPU). After a failure, what runs is finished,
    and nothing else is started.
    """
    from pipeline.errors import UserError
    from pipeline.graph.current import is_of_another_program
    from pipeline.graph.dvc_graph import open_graph
    from pipeline.graph.parallel_run import ParallelRun
    from pipeline.jobs.status_line import StatusLine

    begun = time.monotonic()
    with open_graph(targets) as graph:
        if is_of_another_program():
            click.echo("warning: dvc.yaml is older than the installed program; run `ser graph`", err=True)
        stages = ParallelRun(graph, jobs, keep_going, click.echo, StatusLine())
        stages.run()
        if stages.failed:
            raise UserError("\n".join([*stages.failed, *_left_out(stages)]))
        click.echo(_summary(stages, time.monotonic() - begun))
        graph.remind(stages.written)


def _left_out(stages: "ParallelRun") -> list[str]:
    """How many stages were not looked at, or not started, after a failure."""
    from pipeline.storage.source import counted

    return [f"then {counted(stages.waiting, 'stage')} did not run"] if stages.waiting else []


def _summary(stages: "ParallelRun", seconds: float) -> str:
    from pipeline.storage.source import counted

    if not stages.outcomes:
        return f"{counted(len(stages.current), 'stage')} up to date"
    together = sum(outcome.seconds for outcome in stages.outcomes)
    ran = counted(len(stages.outcomes), "stage")
    return f"{ran} ran in {seconds:.0f} s, {together:.0f} s in sum; {len(stages.current)} had nothing to do"
