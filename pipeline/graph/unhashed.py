"""What DVC cannot hash in a folder that a stage depends on: links that lead to nothing, which end it."""

from pathlib import Path

from pipeline.corpora.lost_links import lost, lost_links


def unhashed(root: Path) -> str:
    """The first link below a corpus folder that DVC cannot read and does not ignore, and what to do; "" without any."""
    links = lost_links(root)
    if any(map(_is_inside, links)):
        links = _not_ignored(links)
    more = f" ({len(links) - 1} more)" if len(links) > 1 else ""
    return f"{complaint(links[0])}{more}" if links else ""


def complaint(path: Path) -> str:
    """What to say of a file that DVC cannot read, and what to do; "" where it is no link to nothing."""
    if not (why := lost(path)):
        return ""
    inside = _is_inside(path)
    shown = path.absolute().relative_to(Path.cwd()) if inside else path
    cure = ", or list it in .dvcignore" if inside else ""
    return f"{shown}: {why}{cure}; DVC reads no folder with such a link"


def _is_inside(path: Path) -> bool:
    return path.absolute().is_relative_to(Path.cwd())


def _not_ignored(links: list[Path]) -> list[Path]:
    """Those that no .dvcignore has; all where there is no repository of DVC yet."""
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            return [path for path in links if not repo.dvcignore.is_ignored_file(str(path.absolute()))]
    except NotDvcRepoError:
        return links
