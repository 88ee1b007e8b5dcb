"""`ser bench starts`: what stages take that have nothing to do, and what a whole demo takes."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.bench.graph import LIMIT, current_project
from pipeline.bench.parts import Parts
from pipeline.bench.processes import output_of
from pipeline.bench.timing import Figure, Skipped, interleaved, seconds
from pipeline.config.document import load
from pipeline.graph import dvc_yaml
from pipeline.jobs.warm_start import SOCKET, is_possible, warm_python

STAGES = "python -m stages."
QUIET = ("manifest", "audio", "features")
"""stages that only copy what they have, where there is nothing to do"""
LOADING = 120
"""longest time that libraries may take to load (s)"""
RUN = 1800
"""longest run of a demo (s)"""


def no_op(folder: Path, quick: bool) -> list[Figure]:
    """Time stages that have nothing to do, as `dvc repro` starts them and as `ser run` does with libraries loaded."""
    current_project()
    commands = quiet_commands(dvc_yaml.read().own())
    plain = dict(os.environ)
    if not is_possible():
        raise Skipped("`ser run` starts stages as `dvc repro` does on this system")
    with warm_python() as programs:
        warm = {**plain, "PATH": os.pathsep.join([programs, plain.get("PATH", "")]), "PYTHONUNBUFFERED": "1"}
        _wait_for(Path(programs) / SOCKET)
        tasks: dict[str, Callable[[], None]] = {}
        for name, command in commands.items():
            tasks |= {f"{name} alone": partial(_shell, command, plain), name: partial(_shell, command, warm)}
        times = interleaved(tasks, 1 if quick else 5)
    return [
        Figure(
            "stages",
            f"{name}, nothing to do, by ser run",
            times[name],
            "s",
            below=0.5,
            note=f"{times[f'{name} alone']:.3g} s by dvc repro",
        )
        for name in commands
    ]


def quiet_commands(stages: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Of each kind of stages that can have nothing to do, the first one's command; of features, of each extractor."""
    params, found = load(), {}
    kinds: set[str] = set()
    for name, body in stages.items():
        command = str(body["cmd"])
        stage, *arguments = command.removeprefix(STAGES).split()
        if not command.startswith(STAGES) or stage not in QUIET:
            continue
        kind = params.feature(arguments[1])[0].name if stage == "features" else stage
        if kind not in kinds:
            found[name] = command
        kinds.add(kind)
    return found


def demo(folder: Path, quick: bool) -> list[Figure]:
    """Time `ser run -j 2` of a fresh clone of the project in the working folder, if it is all of synthetic speech."""
    others = [name for name, corpus in load().corpora.items() if corpus.reader != "demo"]
    if others:
        raise Skipped(f"the corpus {others[0]!r} is no demo, and may take hours")
    git, project = shutil.which("git"), folder / "project"
    cloned = git and subprocess.run([git, "clone", "-q", ".", str(project)], capture_output=True).returncode == 0  # noqa: S603
    if not cloned:
        raise Skipped("the working folder is no repository of git that can be cloned")
    command = [sys.executable, "-m", "pipeline.cli", "run", "-j", "2", *(["code"] if quick else [])]
    took = seconds(lambda: output_of(command, dict(os.environ), RUN, project))
    what = "the first stage" if quick else "all stages"
    return [Figure("demo", f"{what} of a fresh clone, ser run -j 2", took, "s", below=180)]


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + LOADING
    while not path.exists():
        if time.monotonic() > deadline:
            raise Skipped(f"libraries were not loaded within {LOADING} s")
        time.sleep(0.1)


def _shell(command: str, environment: Mapping[str, str]) -> None:
    output_of(["/bin/sh", "-c", command], environment, LIMIT, Path.cwd())


PARTS: Parts = {"stages": no_op, "demo": demo}
