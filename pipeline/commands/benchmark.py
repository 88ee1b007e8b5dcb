"""`ser benchmark`: probes, `pooled` and their fusion on one's corpora, beside published figures."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from pipeline.commands.checked import checked_stages
from pipeline.commands.command import Command

if TYPE_CHECKING:
    from pipeline.benchmark.entries import Wanted

FORMATS = ("table", "csv", "json", "markdown")


@click.command(cls=Command)
@click.option("--corpus", "corpora", multiple=True, metavar="NAME=ROOT", help="A folder of recordings; repeatable.")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME=SOURCE",
    help="A self-supervised model, by its folder or hub name; repeatable. Without any: pooled alone.",
)
@click.option(
    "--folds",
    "lists",
    multiple=True,
    metavar="NAME=FOLDER",
    help="EmoBox's lists of a corpus, as EmoBox/data/ravdess, to be measured on too; repeatable.",
)
@click.option("--run/--no-run", default=True, help="Run the stages, or write them only. Default: run.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Default: table.")
def benchmark(corpora: tuple[str, ...], models: tuple[str, ...], lists: tuple[str, ...], run: bool, form: str) -> None:
    """Measure probes of hidden states, pooled features and their fusion on corpora, in an empty folder.

    Writes params.yaml and dvc.yaml, runs `dvc repro`, and shows a table with EmoBox's published figures beside; the
    same is in metrics/benchmark/. Speakers are held out, by folds of our own and by EmoBox's where --folds gives them.
    When it is interrupted, the same command goes on; with more corpora, models or folds it adds them, and without any
    it shows what is there.
    """
    from pipeline.benchmark.entries import HEAD, present_protocols, sections, with_entries
    from pipeline.benchmark.project import present_text, reproduce
    from pipeline.config.params import FILE
    from pipeline.errors import ParamsError
    from pipeline.graph.project import start_project

    present = present_text()
    wanted = _wanted(corpora, models, lists, present_protocols(present, FILE))
    if present is None and not wanted.corpora:
        raise ParamsError("--corpus: name a corpus at least, as --corpus ravdess=/path/to/ravdess")
    text = with_entries(present or HEAD, sections(wanted), FILE)
    steps = start_project(text, checked_stages(text, FILE))
    for line in (*_about(wanted), *steps):
        click.echo(line, err=True)
    if run:
        reproduce()
        _show(form)
    else:
        click.echo("next: dvc repro, or `ser benchmark`, which shows the table too", err=True)


def _wanted(
    corpora: tuple[str, ...],
    models: tuple[str, ...],
    lists: tuple[str, ...],
    protocols: Mapping[str, Mapping[str, object]],
) -> "Wanted":
    from pipeline.benchmark.entries import Wanted
    from pipeline.benchmark.folds import folds_of
    from pipeline.commands.given import corpora_of, models_of, named, own_folder
    from pipeline.errors import ParamsError, nearest
    from pipeline.graph.first_params import protocols_for

    found = corpora_of(corpora)
    given = named("--folds", lists, "NAME=FOLDER, as ravdess=/path/to/EmoBox/data/ravdess")
    names = [corpus.name for corpus in found]
    for name in given:
        if name not in names:
            raise ParamsError(f"--folds {name}: no --corpus has this name{nearest(name, names)}; give it too")
    sources = models_of(models)
    if sources and not found:
        raise ParamsError("--model: give the corpora with it, by --corpus")
    folders = {name: own_folder(f"--folds {f'{name}={folder}'!r}", folder) for name, folder in given.items()}
    own = protocols_for(found, protocols)
    folds = {corpus.name: [*folds_of(corpus, own[corpus.name], folders.get(corpus.name))] for corpus in found}
    return Wanted(found, folds, sources)


def _about(wanted: "Wanted") -> Iterator[str]:
    """What was found, and what it is measured on."""
    from pipeline.graph.first_params import without_lines

    for corpus in wanted.corpora:
        yield f"{corpus.name}: {corpus.recognition.describe()}"
        yield from (f"  {line}" for line in without_lines(corpus.recognition))
        for folds in wanted.folds[corpus.name]:
            fusion = "" if folds.inner_folds or not wanted.models else "; too few to train on for a fusion"
            yield f"  folds {folds.label}: {folds.reason}{fusion}"


def _show(form: str) -> None:
    from pipeline import paths
    from pipeline.benchmark.results import results
    from pipeline.benchmark.table import FORMATS, write_tables
    from pipeline.config.document import load

    params = load()
    rows, confidence = results(params), params.scoring.confidence
    written = [*write_tables(paths.METRICS / "benchmark", rows, confidence)]
    click.echo(FORMATS[form](rows, confidence), nl=False)
    click.echo(f"written to {', '.join(map(str, written))}", err=True)
