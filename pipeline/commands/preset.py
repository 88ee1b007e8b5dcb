"""`ser preset`: the experiments of a paper's table, listed, shown, and put into params.yaml."""

from collections.abc import Iterable
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, get_args

import click

from pipeline.commands.command import Command

if TYPE_CHECKING:
    from pipeline.papers.change import Change
    from pipeline.papers.preset import Preset


@click.group()
def preset() -> None:
    """Experiments of the papers' tables, ready for params.yaml, with the published figures."""


@preset.command("list", cls=Command)
def list_presets() -> None:
    """List the presets."""
    from pipeline.papers.preset import load, names

    for name in names():
        listed = load(name)
        count = _count(listed.count, "entry", "entries")
        click.echo(f"{name:<26} {listed.title} ({count}; {', '.join(listed.corpora)})")


@preset.command(cls=Command)
@click.argument("name")
def show(name: str) -> None:
    """Say what a preset has: the paper, notes on what its figures are worth, and its experiments with the figures."""
    from pipeline.papers.preset import load

    shown = load(name)
    click.echo("\n".join(filter(None, [f"{name}: {shown.title}", shown.paper, shown.link])) + "\n")
    for note in shown.notes:
        click.echo(_item(note))
    click.echo("\ndone otherwise here, or not in the paper and chosen here:")
    for difference in shown.differences:
        click.echo(_item(difference))
    for section, lines in _sections(shown).items():
        if lines:
            click.echo("\n".join([f"\n{section}:", *(f"  {key}: {text}" for key, text in lines.items())]))
    click.echo()
    for line in _table(shown):
        click.echo(line)


def _item(text: str) -> str:
    """A line of a list, wrapped; names with hyphens stay whole."""
    return fill(text, 100, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)


def _sections(shown: "Preset") -> dict[str, dict[str, str]]:
    """What its experiments need, and for each entry what it is."""
    models = {name: shown.embedding(name) for name in shown.embeddings}
    return {
        "corpora": shown.corpora,
        "embeddings": {name: f"{params['model']}, {_layers(params['layers'])}" for name, params in models.items()},
        "protocols": {
            name: ", ".join(f"{key} {value}" for key, value in entry.items()) for name, entry in shown.protocols.items()
        },
    }


def _layers(layers: list[int] | str) -> str:
    return "all layers" if layers == "all" else f"layers {', '.join(map(str, layers))}"


def _table(shown: "Preset") -> Iterable[str]:
    """The experiments and fusions with what the paper reports of them (%), and their classes where not all."""
    from pipeline.config.scoring import Figure

    rows = [(name, entry["system"], entry) for name, entry in shown.experiments.items()]
    rows += [
        (name, _transfer(entry), {**shown.experiments[entry["source"]], "published": entry.get("published", {})})
        for name, entry in shown.transfers.items()
    ]
    rows += [(name, f"fusion ({entry['method']})", entry) for name, entry in shown.fusions.items()]
    metrics = [m for m in get_args(Figure) if any(m in e.get("published", {}) for *_, e in rows)]
    lines = [["experiment", "system", "classes", *metrics]]
    for name, system, entry in rows:
        published = entry.get("published", {})
        figures = [f"{published[metric]:.2f}" if metric in published else "-" for metric in metrics]
        lines.append([name, system, _classes(entry), *figures])
    if not any("emotions" in entry for *_, entry in rows):
        lines = [[name, system, *figures] for name, system, _, *figures in lines]
    return _aligned(lines, len(metrics))


def _transfer(entry: dict[str, Any]) -> str:
    """What a transfer trains on of its target, as `0.2 of the speakers of emodb`."""
    share = f"{entry['share']:g} of the {entry.get('of', 'speakers')} of " if entry.get("share") else "zero-shot to "
    return f"{share}{entry['corpus']}"


def _aligned(lines: list[list[str]], figures: int) -> Iterable[str]:
    """Cells in columns; the last ones are figures, and stand to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    sides = [str.ljust] * (len(widths) - figures) + [str.rjust] * figures
    for line in lines:
        yield "  ".join(side(text, width) for side, text, width in zip(sides, line, widths, strict=True)).rstrip()


def _classes(entry: dict[str, Any]) -> str:
    """The class set of an experiment, as `angry, happy (happy + excited)`; "" for all that the corpus has."""
    from pipeline.config.experiments import ExperimentParams
    from pipeline.strict import validate

    if "emotions" not in entry:
        return ""
    emotions = validate(ExperimentParams, entry).emotions or {}
    return ", ".join(
        name if labels == [name] else f"{name} ({' + '.join(labels)})" for name, labels in emotions.items()
    )


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
    from pipeline.papers.adaptation import Choices
    from pipeline.papers.change import plan
    from pipeline.papers.preset import load

    choices = Choices(_pairs("--corpus", corpora), _pairs("--embedding", embeddings), protocol, only)
    change = plan(name, load(name), choices, path)
    if change.new == change.old:
        click.echo(f"{path} has all of {name} already; nothing to do")
    elif dry_run:
        click.echo(change.diff(), nl=False)
    else:
        change.write()
        click.echo("\n".join([*_report(change), *_next_steps(name, change)]))


def _report(change: "Change") -> Iterable[str]:
    yield from (f"added {section}.{entry}" for section, entry in change.added)
    if change.present:
        yield f"{_count(len(change.present), 'entry was', 'entries were')} there already, and the same"
    yield from (f"note: {remark}" for remark in change.remarks)


def _next_steps(name: str, change: "Change") -> Iterable[str]:
    trained = [entry for section, entry in change.added if section == "experiments"]
    one = f", or dvc repro train-{trained[0]} for one of them" if trained else ""
    yield f"next: ser graph, then dvc repro{one}; ser preset show {name}: notes"


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
