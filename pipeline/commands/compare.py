"""`ser compare`: experiments, commits and DVC's experiments side by side."""

from pathlib import Path

import click

from pipeline.commands.command import Command

FORMATS = ("table", "csv", "json", "markdown", "latex")


@click.command(cls=Command)
@click.argument("revisions", metavar="[REV]...", nargs=-1)
@click.option("--experiment", "experiments", multiple=True, metavar="NAME", help="Only this one; repeatable.")
@click.option(
    "--against",
    default="",
    metavar="NAME",
    help="Compare all with this: an experiment, a revision, or REV:EXPERIMENT. Default: the first REV of several.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Default: table.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write; default: standard output.")
def compare(
    revisions: tuple[str, ...], experiments: tuple[str, ...], against: str, form: str, out: Path | None
) -> None:
    """Set scores side by side, with intervals, differences and tests of them, changed params and published figures.

    REV is a commit, a branch, a tag, an experiment of DVC's, or `workspace`, the working folder; without any,
    the working folder's experiments are shown. What differs is tested on the predictions, those of a commit from
    DVC's cache: by a paired bootstrap over speakers, and McNemar's exact test.
    """
    from pipeline.atomic import atomic_path
    from pipeline.errors import printable
    from pipeline.paths import check_writable, output_errors
    from pipeline.report.comparison.candidate import NUMBERS, candidates, with_targets
    from pipeline.report.comparison.choice import reference, side_by_side
    from pipeline.report.comparison.comparison import comparison
    from pipeline.report.comparison.formats import FORMATS as WRITERS
    from pipeline.report.comparison.obtained import lines_of
    from pipeline.report.comparison.prediction_store import PredictionStore
    from pipeline.report.comparison.revisions import named_revisions

    if out is not None:
        check_writable("--out", out)
    store = PredictionStore()
    every = named_revisions(revisions)
    everything = [one for revision in every for one in candidates(revision, store)]
    shown, chosen = side_by_side(everything, experiments), reference(against, everything)
    text = WRITERS[form](comparison(shown, chosen, everything), chosen)
    if left_out := dict.fromkeys(name for revision in every for name in with_targets(revision)):
        click.echo(f"left out: {', '.join(map(printable, left_out))}; {NUMBERS}", err=True)
    for line in lines_of((one.label if len(every) > 1 else one.name, one.obtained.note) for one in shown):
        click.echo(f"warning: {line}", err=True)
    if out is None:
        click.echo(text, nl=False)
        return
    with output_errors("--out", out), atomic_path(out) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
