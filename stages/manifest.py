"""Stage `manifest`: list a corpus's recordings, one JSON line each, and count them and their outliers."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.corpora import health, listing, manifest
from pipeline.experiments.predictions import write_json
from pipeline.graph.current import params_for
from pipeline.report.summary import counts_table


@click.command(cls=Command, help=__doc__)
@click.argument("corpus")
def main(corpus: str) -> None:
    """Write the manifest of CORPUS."""
    settings = params_for(f"manifest-{corpus}").entry("corpora", corpus)
    every, left_out = listing.read(corpus, settings)
    rows = listing.keep(every, settings.keep, settings.root)
    counts = listing.counts(rows)
    outliers = health.find(rows, settings.root)
    manifest.write(paths.manifest(corpus), rows)
    write_json(paths.corpus_report(corpus), {**counts, "outliers": outliers, **left_out.report()})
    click.echo(counts_table(corpus, counts))
    if len(rows) < len(every):
        click.echo(f"  {len(every) - len(rows)} recordings of other emotions left out, as `keep` says")
    for line in left_out.lines():
        click.echo(f"warning: {corpus}: {line}", err=True)
    if summary := health.summary(outliers):
        report = paths.corpus_report(corpus)
        click.echo(f"warning: {corpus}: recordings out of the ordinary: {summary}; {report} names them", err=True)


if __name__ == "__main__":
    main()
