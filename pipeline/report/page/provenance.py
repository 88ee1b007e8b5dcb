"""Where the figures come from: the program, the libraries, the inputs' digests and, where it is known, the commit."""

import hashlib
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline import __version__, paths
from pipeline.report.page.scored import Scored

PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "transformers", "librosa", "praat-parselmouth", "soxr", "dvc")
"""libraries that figures depend on"""

DIGITS = 12
"""of a digest (hex)"""


@dataclass(frozen=True)
class Provenance:
    """What the page says of its own origin.

    Attributes:
        commit: of the project's repository; "" where it is not said.
        versions: program or library -> version.
        digests: file -> the beginning of its SHA-256.
    """

    commit: str
    versions: Mapping[str, str]
    digests: Mapping[str, str]


def provenance(found: Sequence[Scored], commit: str, others: Sequence[str] = ()) -> Provenance:
    """The versions of now, and the digests of the manifests and predictions that were scored; `others` have targets."""
    files = [paths.manifest(corpus) for corpus in dict.fromkeys(corpus for one in found for corpus in one.corpora)]
    files += [paths.predictions(one.name) / "probabilities.csv" for one in found]
    files += [paths.predictions(name) / "values.csv" for name in others]
    versions = {"ser-pipeline": __version__, "Python": platform.python_version(), **_installed()}
    return Provenance(commit, versions, {file.as_posix(): _digest(file) for file in files})


def _installed() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]


def current_commit() -> str:
    """The commit of the working folder, and whether files in git differ from it; "" where it is no repository."""
    commit = _git("rev-parse", "HEAD").strip()
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".").strip() if commit else ""
    return f"{commit}, with changes that are not committed" if changed else commit


def _git(*arguments: str) -> str:
    """What git says; nothing where it fails or is not installed."""
    try:
        command = ("git", *arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed commands
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
