"""Whether the disk has what params.yaml asks for, before anything runs: folders, speakers, sessions, emotions."""

from collections.abc import Iterator
from pathlib import Path

from pipeline import paths
from pipeline.config.params import Params


def readiness_problems(params: Params) -> list[str]:
    """What is missing on the disk, as `key: problem`."""
    return [*_roots(params)]


def _roots(params: Params) -> Iterator[str]:
    made = {paths.raw(demo) for demo in params.demo}
    for name, corpus in params.corpora.items():
        if corpus.root in made or Path(corpus.root).is_dir():
            continue
        what = "is no folder" if Path(corpus.root).exists() else "does not exist"
        yield f"corpora.{name}.root: {str(corpus.root)!r} {what}"
