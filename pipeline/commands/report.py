"""`ser report`: one page of all that was measured."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.command import Command

if TYPE_CHECKING:
    from pipeline.config.report import Audio


@click.command(cls=Command)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True, help="The page."
)
@click.option(
    "--audio",
    type=click.Choice(["shareable", "none", "all"]),
    help="Recordings that the page plays: of corpora whose licence lets them be passed on, none, or all.",
)
def report(out: Path, audio: "Audio | None") -> None:
    """Write one HTML page of all that was measured in this project; it loads nothing, so it can be sent or archived.

    It shows what there is: scores with intervals and what to beware of, corpora, confusions, curves, mistakes, and
    where all came from, the commit too. Params are those that the scores were obtained with, by dvc.lock; where they
    or the files are others now, the page and a warning say so. `dvc repro` writes the same page to data/report.html,
    without the commit.
    """
    from pipeline import paths
    from pipeline.config.document import load, read_text
    from pipeline.config.params import FILE
    from pipeline.config.strict_yaml import parse
    from pipeline.report.page.history import history, scored_with
    from pipeline.report.page.page import write_report

    paths.check_writable("--out", out, example="report.html")
    params = load()
    settings = parse(read_text(FILE), str(FILE))
    known = history(params, settings)
    write_report(out, scored_with(params, known), settings, known, audio)
    for line in known.notes:
        click.echo(f"warning: {line}", err=True)
    click.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB; open it in any browser")
