"""`ser fetch`: an openly downloadable corpus, or the steps to one that is not."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.command import Command
from pipeline.errors import ParamsError, UserError, printable

if TYPE_CHECKING:
    from pipeline.downloads.catalogue import Download
    from pipeline.downloads.fetching import Fetched


@click.command(cls=Command)
@click.argument("corpus", required=False)
@click.option("--to", "folder", type=click.Path(path_type=Path), help="The corpus's folder; recordings/CORPUS if not.")
@click.option("--yes", is_flag=True, help="The licence is accepted.")
@click.option("--accept-licence", "licence", metavar="NAME", help="The licence of that name is accepted.")
@click.option("--from", "mirror", metavar="URL", help="The same archive at another address.")
@click.option("--keep-archive", is_flag=True, help="Leave the archive beside the folder.")
def fetch(
    corpus: str | None, folder: Path | None, yes: bool, licence: str | None, mirror: str | None, keep_archive: bool
) -> None:
    """Download a corpus, check and unpack it; without CORPUS, list those there are.

    What broke off goes on where it was. The licence is shown, and is to be accepted. Of corpora that their owners give
    on request, says how to get them, and ends with exit code 1.
    """
    from pipeline.downloads.catalogue import load

    if corpus is None:
        _list()
        return
    entry = load(corpus)
    target = folder.expanduser() if folder else Path("recordings") / corpus
    if entry.archive is None:
        _show_steps(entry, target)
        raise UserError(f"{corpus}: not fetched, as {entry.why}; the steps above lead to it")
    accepted = _is_accepted(entry, yes=yes, licence=licence)
    _fetch(corpus, entry, target, accepted, mirror or "", keep_archive)


def _list() -> None:
    from pipeline.downloads.catalogue import load, names

    for name in names():
        entry = load(name)
        way = _size(entry) if entry.archive else "steps"
        click.echo(f"{name:<13} {way:>8}  {entry.title}; {entry.licence}")
    click.echo("next: ser fetch CORPUS")


def _size(entry: "Download") -> str:
    size = entry.archive.size if entry.archive else None
    return f"{size / 1e6:.0f} MB" if size else "unknown"


def _show_steps(entry: "Download", target: Path) -> None:
    _show_licence(entry)
    for number, step in enumerate(entry.steps, start=1):
        click.echo(f"{number}. {step.replace('FOLDER', shlex.quote(str(target)))}")


def _show_licence(entry: "Download") -> None:
    click.echo(entry.title)
    click.echo(f"  licence: {entry.licence}{f' ({entry.terms})' if entry.terms else ''}")
    click.echo(f"  source: {entry.source}")
    click.echo(f"  cite: {entry.cite}")


def _is_accepted(entry: "Download", *, yes: bool, licence: str | None) -> bool:
    """Whether options accept the licence.

    Raises:
        ParamsError: another licence is accepted than the corpus has.
    """
    if licence is not None and licence.casefold() != entry.licence.casefold():
        raise ParamsError(f"--accept-licence {licence!r}: the licence is {entry.licence!r}")
    return yes or licence is not None


def _fetch(name: str, entry: "Download", target: Path, accepted: bool, mirror: str, keep_archive: bool) -> None:
    from pipeline.downloads.addresses import check_address
    from pipeline.downloads.fetching import fetch as fetched_corpus
    from pipeline.downloads.fetching import fetched_before, real_folder

    if mirror:
        check_address(mirror, "--from")
    folder = real_folder(target)
    done = fetched_before(name, folder)
    if done is None:
        _show_licence(entry)
        if not accepted:
            _ask(entry)
        done = fetched_corpus(name, entry, folder, mirror, keep_archive=keep_archive)
    _report(name, entry, target, done)


def _ask(entry: "Download") -> None:
    """Have the licence accepted at the terminal.

    Raises:
        ParamsError: there is no terminal to ask at.
        UserError: it is not accepted.
    """
    if not _is_asked():
        raise ParamsError(
            f"the licence is not accepted, and there is no terminal to ask at: add --yes, or "
            f"--accept-licence {entry.licence!r}"
        )
    if click.prompt("accept the licence? type yes", default="no", show_default=False).strip().lower() != "yes":
        raise UserError("the licence is not accepted; nothing is downloaded")


def _is_asked() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stdin.isatty()


def _report(name: str, entry: "Download", target: Path, done: "Fetched") -> None:
    published = entry.archive.published if entry.archive else {}
    state = "fetched" if done.new else "there already"
    click.echo(f"{state}: {printable(str(target))}, {done.record.files} files, {done.recordings} of them audio")
    for algorithm, digest in done.record.digests.items():
        if algorithm in published:
            click.echo(f"  {algorithm.upper()} of the archive, as published: {digest}")
    if not published:
        click.echo(f"  SHA-256 of the archive, which none is published for: {done.record.digests['sha256']}")
    for line in entry.afterwards:
        click.echo(f"  {line}")
    click.echo(f"next: ser init --corpus {shlex.quote(f'{name}={target}')}")
