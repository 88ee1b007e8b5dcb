"""Start a project in the working folder: params.yaml, dvc.yaml, and what git and DVC need beside them."""

import subprocess
import sys
from pathlib import Path

from pipeline.atomic import atomic_path
from pipeline.config.document import located, validated
from pipeline.config.params import FILE
from pipeline.config.strict_yaml import parse
from pipeline.errors import ParamsError, UserError
from pipeline.graph.files import bring_up_to_date
from pipeline.graph.stages import graph_stages

IGNORED_BY_GIT = ("/data/", "/dvc_plots/")
IGNORED_BY_DVC = ("*.parts", "*.tmp", "__pycache__")


def start_project(text: str) -> list[str]:
    """Write params.yaml and the graph of it, and make the folder a repository of git and of DVC if it is none.

    Returns:
        What was done, a line each.

    Raises:
        ParamsError: there is a params.yaml already that is not the demo's, or the text is not valid.
        UserError: git or DVC fails.
    """
    _check_replaceable()
    data = parse(text, str(FILE))
    params, problems = validated(data)
    if params is None or problems:
        raise ParamsError("\n".join(located(problems, text, FILE)))
    stages = graph_stages(params, data)
    steps = [*_repositories()]
    with atomic_path(FILE) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    _ignore(Path(".gitignore"), IGNORED_BY_GIT)
    _ignore(Path(".dvcignore"), IGNORED_BY_DVC)
    bring_up_to_date(stages)
    return [*steps, f"wrote {FILE} and dvc.yaml ({len(stages)} stages)"]


def _check_replaceable() -> None:
    if not FILE.exists():
        return
    params, _ = validated(parse(FILE.read_text(encoding="utf-8"), str(FILE)))
    if params is None or any(corpus.reader != "demo" for corpus in params.corpora.values()):
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
