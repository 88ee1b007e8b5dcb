"""What an up-to-date graph costs: `dvc repro` here, against the same graph of commands that do next to nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from pipeline.bench.processes import output_of
from pipeline.bench.timing import Figure, Skipped, interleaved

MAKE = """\
import sys
from pathlib import Path

for name in sys.argv[1:]:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(name)
"""
"""what every stage of the copy runs: makes its outputs, a line each"""

LIMIT = 300
"""longest run of dvc (s)"""


def no_op(folder: Path, quick: bool) -> list[Figure]:
    """Time `dvc repro` with nothing to do, in the working folder and in a copy of its graph made in `folder`."""
    here = current_project()
    stages = copy_graph(here, folder)
    _dvc(folder, "repro", "--quiet")

    def repro(project: Path) -> None:
        if "up to date" not in _dvc(project, "repro"):
            raise Skipped(f"`dvc repro` in {project} had something to do")

    times = interleaved({"here": lambda: repro(here), "copy": lambda: repro(folder)}, 1 if quick else 5, not quick)
    note = f"{stages} stages: {times['here']:.3g} s here, {times['copy']:.3g} s for DVC alone"
    return [Figure("graph", "dvc repro, nothing to do", times["here"] / times["copy"], "times", below=1.5, note=note)]


def current_project() -> Path:
    """The working folder.

    Raises:
        Skipped: it has no graph, or one that is not up to date.
    """
    here = Path.cwd()
    if not (here / "dvc.yaml").is_file() or not (here / "params.yaml").is_file():
        raise Skipped(f"no dvc.yaml and params.yaml in {here}")
    changed = json.loads(_dvc(here, "status", "--json") or "{}")
    if changed:
        raise Skipped(f"the graph here is not up to date ({len(changed)} stages); run `dvc repro` first")
    return here


def copy_graph(source: Path, folder: Path) -> int:
    """Make a project in `folder` with the graph of `source` and commands that only make outputs; returns its stages."""
    graph: dict[str, Any] = yaml.safe_load((source / "dvc.yaml").read_text(encoding="utf-8"))
    for stage in graph["stages"].values():
        body = stage.get("do", stage)
        listed = [entry for key in ("outs", "metrics", "plots") for entry in body.get(key, [])]
        names = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in listed]
        body["cmd"] = " ".join([f'"{sys.executable}" make.py', *(f'"{name}"' for name in names)])
    (folder / "dvc.yaml").write_text(yaml.safe_dump(graph, sort_keys=False), encoding="utf-8")
    (folder / "params.yaml").write_bytes((source / "params.yaml").read_bytes())
    (folder / "make.py").write_text(MAKE, encoding="utf-8")
    versioned = (source / ".git").exists() and _git_init(folder)
    _dvc(folder, "init", "--quiet", *([] if versioned else ["--no-scm"]))
    return _make_sources(folder)


def _git_init(folder: Path) -> bool:
    try:
        return subprocess.run(["git", "init", "--quiet"], cwd=folder, capture_output=True).returncode == 0  # noqa: S607
    except OSError:
        return False


def _make_sources(folder: Path) -> int:
    """Make a tiny file for every dependency that no stage makes; returns the number of stages."""
    from dvc.repo import Repo

    with Repo(str(folder)) as repo:
        stages = list(repo.index.stages)
        outs = {Path(out.fs_path) for stage in stages for out in stage.outs}
        for dep in {Path(dep.fs_path) for stage in stages for dep in stage.deps}:
            if dep.exists() or dep in outs or any(dep in out.parents for out in outs):
                continue
            if not dep.is_relative_to(folder.resolve()):
                raise Skipped(f"the graph depends on {dep}, outside the project")
            dep.parent.mkdir(parents=True, exist_ok=True)
            dep.write_text(dep.name, encoding="utf-8")
    return len(stages)


def _dvc(folder: Path, *arguments: str) -> str:
    """Standard output of a dvc command in a folder."""
    return output_of([sys.executable, "-m", "dvc", *arguments], {**os.environ, "DVC_NO_ANALYTICS": "1"}, LIMIT, folder)
