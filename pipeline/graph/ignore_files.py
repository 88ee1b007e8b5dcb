"""The .gitignore files that DVC writes, with their new lines in the order in which `dvc repro` adds them."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.atomic import atomic_path


def ignored_lines(stages: Iterable[Any]) -> dict[Path, list[bytes]]:
    """The .gitignore files beside the outputs of DVC's stages -> the lines that DVC adds to each, in its order."""
    from pathspec.patterns.gitwildmatch import GitWildMatchPattern

    found: dict[Path, list[bytes]] = {}
    for output in (output for stage in stages for output in stage.outs if output.use_scm_ignore):
        path = Path(output.fspath)
        found.setdefault(path.parent / ".gitignore", []).append(GitWildMatchPattern.escape(f"/{path.name}").encode())
    return found


def lines(path: Path) -> list[bytes]:
    """The lines of a .gitignore, without their ends; none where there is no file."""
    return path.read_bytes().splitlines() if path.is_file() else []


def sort(path: Path, known: Collection[bytes], order: Sequence[bytes]) -> None:
    """Write the lines of a .gitignore that are not `known` in this order, after those that are, which stay."""
    rank = {line: place for place, line in enumerate(order)}
    before = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    old = [line for line in before if line.splitlines()[0] in known]
    new = [line for line in before if line.splitlines()[0] not in known]
    after = [*old, *sorted(new, key=lambda line: rank.get(line.splitlines()[0], len(rank)))]
    if after != before:
        with atomic_path(path.resolve()) as temporary:
            temporary.write_bytes(b"".join(after))
