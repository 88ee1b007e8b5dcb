"""Where the figures come from: the program, the libraries, the inputs' digests and, where it is known, the commit."""

import hashlib
import platform
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline import __version__, paths
from pipeline.report.page.scored import Scored

PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "transformers", "librosa", "praat-parselmouth", "soxr", "dvc")
"""libraries that figures depend on"""

DIGITS = 12
"""of a digest (hex)"""

CHANGED = "changed since it was scored"
"""in the place of a digest, where the file or one beside it is another now"""


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


@dataclass(frozen=True)
class History:
    """What is known beside the files that the page is made of; the stage knows nothing.

    Attributes:
        commit: of the project's repository; "" where it is not said.
        notes: lines on scores that are older than params.yaml, or than what they are of.
        settings: experiment -> the params that its scores were obtained with, all of them as plain data.
        changed: manifests and folders of predictions that are not those that were scored.
    """

    commit: str = ""
    notes: Sequence[str] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    changed: frozenset[Path] = frozenset()


def provenance(found: Sequence[Scored], known: History, others: Sequence[str] = ()) -> Provenance:
    """The versions of now, and the digests of the manifests and predictions that were scored; `others` have targets."""
    files = [paths.manifest(corpus) for corpus in dict.fromkeys(corpus for one in found for corpus in one.corpora)]
    files += [paths.predictions(one.name) / "probabilities.csv" for one in found]
    files += [paths.predictions(name) / "values.csv" for name in others]
    versions = {"ser-pipeline": __version__, "Python": platform.python_version(), **_installed()}
    return Provenance(known.commit, versions, {file.as_posix(): _told(file, known.changed) for file in files})


def _told(file: Path, changed: Collection[Path]) -> str:
    """The digest of a file, or that it is no longer what was scored."""
    if file in changed:
        return CHANGED
    return f"in a folder {CHANGED}" if file.parent in changed else _digest(file)


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
