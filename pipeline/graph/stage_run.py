"""One stage run by DVC, in a process that runs nothing else meanwhile: DVC checks, runs, saves and locks it."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.graph.dvc_graph import reasons
from pipeline.jobs.line_prefix import prefixed_lines


@dataclass(frozen=True)
class Outcome:
    """What came of a stage.

    Attributes:
        stage: its name.
        seconds: how long it took, with DVC's own work.
        error: why it failed; "" where it did not.
    """

    stage: str
    seconds: float
    error: str = ""


def run_stage(stage: str, target: str, cores: int) -> Outcome:
    """Have DVC reproduce one stage alone, on so many cores; each line that it writes begins with the stage's name.

    It is `dvc repro --single-item --wait-for-lock`: DVC holds the repository's lock for all that it does itself, and
    gives it up while the command runs.

    Args:
        stage: its name.
        target: what DVC takes for it.
        cores: how many.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    begun, error = time.monotonic(), ""
    with prefixed_lines(f"{stage} | "), _environment(cores), Repo(_wait_for_lock=True) as repo:
        repo.scm_context.quiet = True  # what to add to git is the same for all stages
        try:
            repo.reproduce(targets=[target], single_item=True)
        except DvcException as failure:
            error = reasons(failure.__cause__ or failure)  # without "failed to reproduce"
    return Outcome(stage, time.monotonic() - begun, error)


@contextmanager
def _environment(cores: int) -> Iterator[None]:
    """Let a stage have so many workers and this environment's programs, and write its lines at once.

    Threads of numeric libraries are left alone: hidden states have other last bits with another number of them.
    """
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    before = dict(os.environ)
    os.environ.update({"SER_WORKERS": str(cores), "PATH": programs, "PYTHONUNBUFFERED": "1"})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
