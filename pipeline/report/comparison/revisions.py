"""A project's files as they are in the working folder, or as a commit of git has them; nothing is checked out."""

import re
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import paths
from pipeline.errors import ParamsError, UserError, nearest

WORKSPACE = "workspace"
"""the working folder among revisions, as DVC calls it"""

EXPERIMENT = re.compile(r"(\w+) refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/(.+)")
"""an experiment of DVC's as git lists it: its commit and its name, below the commit that it began at"""


@dataclass(frozen=True)
class Revision(ABC):
    """A state of the project.

    Attributes:
        name: as the user gives it.
        commit: its full hash; "" for the working folder.
    """

    name: str
    commit: str

    @abstractmethod
    def read(self, path: Path) -> bytes | None:
        """The bytes of a file, by its path in the project's folder; None where there is none."""


class WorkingFolder(Revision):
    """The project as it lies there."""

    def __init__(self) -> None:
        super().__init__(WORKSPACE, "")

    def read(self, path: Path) -> bytes | None:
        """The bytes of a file.

        Raises:
            UserError: it is a device or a pipe.
            OSError: it cannot be read.
        """
        paths.check_regular(path)
        return path.read_bytes() if path.exists() else None


class Commit(Revision):
    """The project as a commit has it."""

    def read(self, path: Path) -> bytes | None:
        """The bytes of a file that is in git."""
        done = _git("show", f"{self.commit}:./{path.as_posix()}")
        return None if done.returncode else done.stdout


def named_revisions(names: Sequence[str]) -> list[Revision]:
    """Revisions by their names, each once; the working folder where there is no name.

    Args:
        names: `workspace`, whatever git takes for a commit (a branch, a tag, HEAD~1), or an experiment of DVC's.

    Raises:
        ParamsError: nothing, or several experiments, have the name.
        UserError: the working folder is in no git repository.
    """
    return [_revision(name) for name in dict.fromkeys(names)] or [WorkingFolder()]


def _revision(name: str) -> Revision:
    if name == WORKSPACE:
        return WorkingFolder()
    inside = _git("rev-parse", "--git-dir")
    if inside.returncode:
        reason = " ".join(inside.stderr.decode(errors="replace").split())
        raise UserError(f"{name}: git has no revisions here ({reason}); run the command in the project's folder")
    return Commit(name, _commit(name) or _experiment(name))


def _commit(name: str) -> str:
    """The hash of what git takes for a commit; "" where it takes the name for none."""
    done = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return "" if done.returncode else done.stdout.decode().strip()


def _experiment(name: str) -> str:
    """The hash of an experiment of DVC's."""
    experiments = [*_experiments()]
    commits = {commit for commit, known in experiments if known == name}
    if len(commits) > 1:
        hashes = ", ".join(sorted(commit[:7] for commit in commits))
        raise ParamsError(f"{name}: {len(commits)} experiments of DVC's have this name; give a hash: {hashes}")
    if not commits:
        known = [*_references(), *(each for _, each in experiments), "HEAD", WORKSPACE]
        if name == "HEAD":
            raise ParamsError(f"HEAD: this project has no commit yet; make one, or take {WORKSPACE!r}")
        raise ParamsError(
            f"{name}: no commit, branch, tag or experiment of DVC's{nearest(name, known)}; `git log` and `dvc exp "
            f"list --all-commits` list them, and {WORKSPACE!r} is the working folder"
        )
    return commits.pop()


def _experiments() -> Iterator[tuple[str, str]]:
    """Commit and name of each experiment of DVC's."""
    for line in _lines("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps"):
        if match := EXPERIMENT.fullmatch(line):
            yield match[1], match[2]


def _references() -> list[str]:
    """The names of branches and tags."""
    return _lines("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes")


def _lines(*arguments: str) -> list[str]:
    return _git(*arguments).stdout.decode(errors="replace").splitlines()


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", *arguments], capture_output=True, check=False)  # noqa: S603, S607
    except OSError as error:
        raise UserError(f"git cannot be run ({error.strerror}); install it") from error
