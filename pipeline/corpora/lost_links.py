"""Links in a corpus folder that lead to nothing: no recording, and in the way of DVC, which reads all of a folder."""

from pathlib import Path

from pipeline.corpora.base import corpus_files
from pipeline.errors import UserError

ANNEX = "/annex/objects/"


def lost(path: Path) -> str:
    """Where a link leads to nothing, what to say of it; "" of what is no link, or leads somewhere."""
    if not path.is_symlink() or path.exists():
        return ""
    target = path.readlink().as_posix()
    if ANNEX in target:
        return "is a git-annex link, and the recording is not here; run `git annex get` in its repository"
    return f"is a link to {target}, where nothing is; mend or remove the link"


def lost_links(root: Path) -> list[Path]:
    """The links below a corpus folder that lead to nothing, sorted; none where the folder cannot be walked."""
    try:
        files = [root / name for name in corpus_files(root)]
    except UserError:  # which its reader says
        return []
    return [path for path in files if lost(path)]
