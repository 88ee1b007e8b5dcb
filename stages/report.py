"""Stage `report`: one page of all that was measured, which needs no network."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.config.document import read_text
from pipeline.config.params import FILE
from pipeline.config.strict_yaml import parse
from pipeline.graph.current import params_for
from pipeline.report.page.page import write_report


@click.command(cls=Command, help=__doc__)
def main() -> None:
    """Write the page. It names no commit: its digest is in the dvc.lock of the commit that it would name."""
    params = params_for("report")
    write_report(paths.REPORT, params, parse(read_text(FILE), str(FILE)))
    click.echo(f"Report:         {paths.REPORT} ({paths.REPORT.stat().st_size / 1e6:.1f} MB), for any browser")


if __name__ == "__main__":
    main()
