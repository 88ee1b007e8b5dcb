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
        written: files that DVC wrote for git, from the working folder.
    """

    stage: str
    seconds: float
    error: str = ""
    written: frozenset[str] = frozenset()


def run_stage(stage: str, target: str, cores: int, clear: str, programs: str) -> Outcome:
    """Have DVC reproduce one stage alone, on so many cores; each line that it writes begins with the stage's name.

    It is `dvc repro --single-item --wait-for-lock`: DVC holds the repository's lock for all that it does itself, and
    gives it up while the command runs.

    Args:
        stage: its name.
        target: what DVC takes for it.
        cores: how many.
        clear: what takes away a status line.
        programs: folders of programs that come before others; this environment's are the next.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    begun, error = time.monotonic(), ""
    with prefixed_lines(f"{stage} | ", clear), _environment(cores, programs), Repo(_wait_for_lock=True) as repo:
        repo.scm_context.quiet = True  # what to add to git is said at the end, of all stages
        written = repo.scm_context.files_to_track  # which DVC fills, and has another set for afterwards
        try:
            repo.reproduce(targets=[target], single_item=True)
        except DvcException as failure:
            error = reasons(failure.__cause__ or failure)  # without "failed to reproduce"
    return Outcome(stage, time.monotonic() - begun, error, frozenset(map(str, written)))


@contextmanager
def _environment(cores: int, programs: str) -> Iterator[None]:
    """Let a stage have so many workers and this environment's programs, and write its lines at once.

    Threads of numeric libraries are left alone: hidden states have other last bits with another number of them.
    """
    folders = filter(None, [programs, str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    before = dict(os.environ)
    os.environ.update({"SER_WORKERS": str(cores), "PATH": os.pathsep.join(folders), "PYTHONUNBUFFERED": "1"})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
