"""Projects of DVC for tests: folders with the code and a params.yaml, and the commands that run there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def sh(project, *command, ok=True):
    """Run a command in the project's folder with this environment's programs; its output, both streams together."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": programs, "COLUMNS": "200", "PYTHONPATH": str(project), "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(
        command, cwd=project, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert (done.returncode == 0) == ok, done.stdout
    return done.stdout


def ser(project, *arguments, ok=True):
    """Run `ser` with the project's own code."""
    return sh(project, sys.executable, "-m", "pipeline.cli", *arguments, ok=ok)


def ran(output):
    """The stages that `dvc repro` ran."""
    return set(re.findall(r"Running stage '([^']+)'", output))


def tree(folder):
    """Relative path -> bytes of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def repository(project):
    """Make a folder a repository of git and of DVC."""
    sh(project, "git", "init", "-q")
    sh(project, "git", "config", "user.email", "test@example.org")
    sh(project, "git", "config", "user.name", "Test")
    sh(project, "dvc", "init", "-q")


def code_project(project, params):
    """A project with a copy of the code, so that tests can change it, and this params.yaml."""
    for name in ("stages", "pipeline"):
        shutil.copytree(REPOSITORY / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(REPOSITORY / name, project / name)
    (project / "params.yaml").write_text(params, encoding="utf-8")
    repository(project)
    return project


def commit(project, message):
    """Commit all there is."""
    sh(project, "git", "add", "-A")
    sh(project, "git", "commit", "-qm", message)
