"""Start a project in the working folder: params.yaml, dvc.yaml, and what git and DVC need beside them."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.atomic import atomic_path
from pipeline.config.document import read_text, validated
from pipeline.config.params import FILE
from pipeline.config.strict_yaml import parse
from pipeline.errors import ParamsError, UserError
from pipeline.graph import dvc_state
from pipeline.graph.files import bring_up_to_date
from pipeline.graph.stage import Stage

IGNORED_BY_GIT = ("/data/", "/dvc_plots/")
IGNORED_BY_DVC = ("*.parts", "*.tmp", "__pycache__")


def start_project(text: str, stages: Sequence[Stage]) -> list[str]:
    """Write params.yaml and the graph of it, and make the folder a repository of git and of DVC if it is none.

    Args:
        text: of params.yaml.
        stages: what it asks for.

    Returns:
        What was done, a line each.

    Raises:
        UserError: git or DVC fails.
    """
    steps = [*_repositories(), *dvc_state.mend()]
    with atomic_path(FILE) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    _ignore(Path(".gitignore"), IGNORED_BY_GIT)
    _ignore(Path(".dvcignore"), IGNORED_BY_DVC)
    bring_up_to_date(stages)
    return [*steps, f"wrote {FILE} and dvc.yaml ({len(stages)} stages)"]


def check_replaceable() -> None:
    """Refuse to write over a params.yaml that is not the demo's.

    Raises:
        ParamsError: there is one that has other corpora than synthetic ones, or none, or is wrong.
    """
    if not FILE.exists():
        return
    params, problems = validated(parse(read_text(FILE), str(FILE)))
    readers = {corpus.reader for corpus in params.corpora.values()} if params else set()
    if problems or readers != {"demo"}:
        raise ParamsError(
            f"{FILE} is there already, and is not the demo's; add your corpus to it, or make the project in another "
            "folder"
        )


def _repositories() -> list[str]:
    steps = []
    if _fails("git", "rev-parse", "--git-dir"):
        _run("git", "init", "-q")
        steps.append("made a git repository")
    if not Path(".dvc").is_dir():
        _run(sys.executable, "-m", "dvc", "init", "-q", *([] if Path(".git").exists() else ["--subdir"]))
        steps.append("made it a DVC repository")
    return steps


def _fails(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode != 0  # noqa: S603 - fixed commands
    except OSError as error:
        raise UserError(f"{command[0]} cannot be run ({error.strerror}); install it") from error


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed commands
    if done.returncode:
        reason = " ".join(done.stderr.split())[:300]
        raise UserError(f"`{' '.join(command)}` failed: {reason}")


def _ignore(path: Path, lines: tuple[str, ...]) -> None:
    """Add lines to a file of ignored paths, where it lacks them."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    missing = [line for line in lines if line not in text.splitlines()]
    if missing:
        start = text if not text or text.endswith("\n") else text + "\n"
        path.write_text(start + "".join(f"{line}\n" for line in missing), encoding="utf-8", newline="\n")
