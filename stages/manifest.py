"""Stage `manifest`: list a corpus's recordings, one JSON line each, and count them, their duplicates and outliers."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.corpora import duplicates, health, listing, manifest
from pipeline.experiments.predictions import write_json
from pipeline.graph.current import params_for
from pipeline.report.summary import counts_table
from pipeline.storage.source import counted


@click.command(cls=Command, help=__doc__)
@click.argument("corpus")
def main(corpus: str) -> None:
    """Write the manifest of CORPUS."""
    settings = params_for(f"manifest-{corpus}").entry("corpora", corpus)
    every, left_out = listing.read(corpus, settings)
    wanted = listing.keep(every, settings.keep, settings.root)
    groups = duplicates.find(wanted, duplicates.fingerprints(wanted, settings.root))
    rows = duplicates.resolve(wanted, groups, settings.duplicates, corpus, settings.root)
    counts = listing.counts(rows)
    outliers = health.find(rows, settings.root)
    manifest.write(paths.manifest(corpus), rows)
    report = paths.corpus_report(corpus)
    found = {"duplicates": duplicates.report(groups, rows), "outliers": outliers}
    write_json(report, {**counts, **found, **left_out.report()})
    click.echo(counts_table(corpus, counts))
    if len(wanted) < len(every):
        click.echo(f"  {len(every) - len(wanted)} recordings of other emotions left out, as `keep` says")
    if len(rows) < len(wanted):
        conflicting = counted(len(wanted) - len(rows), "recording")
        click.echo(f"  {conflicting} under several speakers or labels left out, as `duplicates` says")
    for line in left_out.lines():
        click.echo(f"warning: {corpus}: {line}", err=True)
    if summary := duplicates.summary(groups):
        click.echo(f"warning: {corpus}: the same recording more than once: {summary}; {report} names them", err=True)
    if summary := health.summary(outliers):
        click.echo(f"warning: {corpus}: recordings out of the ordinary: {summary}; {report} names them", err=True)


if __name__ == "__main__":
    main()
