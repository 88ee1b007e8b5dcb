"""`ser preset`: the experiments of a paper's table, listed, shown, and put into params.yaml."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.command import Command

if TYPE_CHECKING:
    from pipeline.papers.preset import Preset


@click.group()
def preset() -> None:
    """Experiments of the papers' tables, ready for params.yaml, with the published figures."""


@preset.command("list", cls=Command)
def list_presets() -> None:
    """List the presets."""
    from pipeline.papers.preset import load, names

    for name in names():
        found = load(name)
        click.echo(f"{name:<26} {found.title} ({_count(found.count, 'entry', 'entries')}; {', '.join(found.corpora)})")


@preset.command(cls=Command)
@click.argument("name")
def show(name: str) -> None:
    """Say what a preset has: the paper, notes on what its figures are worth, and its experiments with the figures."""
    from pipeline.papers.preset import load

    found = load(name)
    click.echo("\n".join(filter(None, [f"{name}: {found.title}", found.paper, found.link, " "])).rstrip(" "))
    for note in found.notes:
        click.echo(click.wrap_text(note, 100, "- ", "  "))
    click.echo("\ncorpora:")
    for corpus, used in found.corpora.items():
        click.echo(f"  {corpus}: {used}")
    if found.embeddings:
        click.echo("\nembeddings:")
    for embedding in found.embeddings:
        params = found.embedding(embedding)
        click.echo(f"  {embedding}: {params['model']}, layers {', '.join(map(str, params['layers']))}")
    click.echo("\nprotocols:")
    for protocol, entry in found.protocols.items():
        click.echo(f"  {protocol}: {', '.join(f'{key} {value}' for key, value in entry.items())}")
    click.echo()
    for line in _table(found):
        click.echo(line)


def _table(found: "Preset") -> Iterable[str]:
    """The experiments and fusions with what the paper reports of them (%)."""
    rows = [(name, system, entry) for system, group in found.experiments.items() for name, entry in group.items()]
    rows += [(name, f"fusion ({entry['method']})", entry) for name, entry in found.fusions.items()]
    metrics = [m for m in ("WA", "UA", "macro_F1", "weighted_F1") if any(m in e.get("published", {}) for *_, e in rows)]
    lines = [["experiment", "system", *metrics]]
    for name, system, entry in rows:
        published = entry.get("published", {})
        lines.append([name, system, *(f"{published[m]:.2f}" if m in published else "-" for m in metrics)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            text.ljust(w) if i < 2 else text.rjust(w) for i, (text, w) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


@preset.command(cls=Command)
@click.argument("name")
@click.option(
    "--corpus", "corpora", multiple=True, metavar="NAME=MINE", help="Your corpus for the preset's; repeatable."
)
@click.option("--embedding", "embeddings", multiple=True, metavar="NAME=MINE", help="Your embedding for the preset's.")
@click.option("--protocol", default="", help="Another protocol of params.yaml for all; default: the paper's own.")
@click.option("--only", multiple=True, metavar="NAME", help="Only the experiments on this corpus of it; repeatable.")
@click.option("--dry-run", is_flag=True, help="Show the change as a diff, and write nothing.")
@click.option("--params", "path", type=click.Path(path_type=Path), default=Path("params.yaml"), help="File to edit.")
def apply(
    name: str,
    corpora: tuple[str, ...],
    embeddings: tuple[str, ...],
    protocol: str,
    only: tuple[str, ...],
    dry_run: bool,
    path: Path,
) -> None:
    """Put a preset's experiments and what they need into params.yaml; comments and all else there stay as they are.

    Nothing that is there is changed: an entry of the same name must be the same. What you choose instead of the
    paper's own is appended to the experiments' names, so that both can stand side by side.
    """
    from pipeline.papers.adapt import Choices
    from pipeline.papers.merge import merge
    from pipeline.papers.preset import load

    choices = Choices(_pairs("--corpus", corpora), _pairs("--embedding", embeddings), protocol, only)
    change = merge(name, load(name), choices, path)
    if change.new == change.old:
        click.echo(f"{path} has all of {name} already; nothing to do")
        return
    if dry_run:
        click.echo(change.diff(), nl=False)
        return
    change.write()
    for key in change.added:
        click.echo(f"added {key}")
    if change.present:
        click.echo(f"{_count(len(change.present), 'entry was', 'entries were')} there already, and the same")
    for remark in change.remarks:
        click.echo(f"note: {remark}")
    trained = [key.split(".")[1:] for key in change.added if key.startswith("experiments.")]
    if trained:
        system, experiment = trained[0]
        click.echo(
            f"next: dvc repro, or dvc repro {system}@{experiment} for one of them; ser preset show {name}: notes"
        )


def _pairs(option: str, given: tuple[str, ...]) -> dict[str, str]:
    from pipeline.errors import ParamsError

    pairs = {}
    for pair in given:
        name, mark, own = pair.partition("=")
        if not (name and mark and own):
            raise ParamsError(f"{option} {pair!r}: expected NAME=MINE, the preset's name and yours")
        pairs[name] = own
    return pairs


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
