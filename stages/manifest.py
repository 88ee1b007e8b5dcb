"""Stage `manifest`: list a corpus's recordings, one JSON line each, and count them and their outliers."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.config import params
from pipeline.corpora import health, manifest
from pipeline.experiments.predictions import write_json
from pipeline.report.summary import counts_table


@click.command(cls=Command, help=__doc__)
@click.argument("corpus")
def main(corpus: str) -> None:
    """Write the manifest of CORPUS."""
    settings = params.load().entry("corpora", corpus)
    every = manifest.build(corpus, settings)
    rows = manifest.keep(every, settings.keep, settings.root)
    counts = manifest.counts(rows)
    found = health.find(rows, settings.root)
    report = paths.METRICS / "corpora" / f"{corpus}.json"
    manifest.write(paths.manifest(corpus), rows)
    write_json(report, {**counts, "outliers": found})
    click.echo(counts_table(corpus, counts))
    if len(rows) < len(every):
        click.echo(f"  {len(every) - len(rows)} recordings of other emotions left out, as `keep` says")
    if said := health.summary(found):
        click.echo(f"warning: {corpus}: recordings out of the ordinary: {said}; {report} names them", err=True)


if __name__ == "__main__":
    main()
