"""Stage `manifest`: list a corpus's recordings, one JSON line each, and count them, their duplicates and outliers."""

import click

from pipeline import paths
from pipeline.audio.known_audio import identity as identity_of
from pipeline.commands.command import Command
from pipeline.corpora import duplicates, examined, health, listing, manifest, overlaps, prints
from pipeline.graph.code import code_digest
from pipeline.graph.current import params_for
from pipeline.report.corpus_counts import counts_table
from pipeline.storage.json_file import write_json
from pipeline.storage.source import counted


@click.command(cls=Command, help=__doc__)
@click.argument("corpus")
def main(corpus: str) -> None:
    """Write the manifest of CORPUS."""
    settings = params_for(f"manifest-{corpus}").entry("corpora", corpus)
    identity = identity_of(code_digest("audio/examination.py"))
    listed = listing.read(corpus, settings, examined.read(corpus, identity))
    groups = duplicates.find_in(listed)
    rows = overlaps.tied(duplicates.resolve(listed.rows, groups, settings.duplicates, corpus, settings.root))
    counts = listing.counts(rows)
    outliers = health.find({row.key: listed.examinations[row.key].measures for row in rows})
    manifest.write(paths.manifest(corpus), rows)
    examined.write(corpus, identity, [*listed.rows, *listed.others], listed.examinations)
    prints.write(corpus, {row.key: listed.examinations[row.key].fingerprint for row in rows})
    report = paths.corpus_report(corpus)
    found = {"duplicates": duplicates.report(groups, rows), "outliers": outliers}
    write_json(report, {**counts, **found, **listed.left_out.report()})
    click.echo(counts_table(corpus, counts))
    if other := listed.left_out.other_emotions:
        click.echo(f"  {counted(other, 'recording')} of other emotions left out, as `keep` says")
    if conflicting := len(listed.rows) - len(rows):
        click.echo(
            f"  {counted(conflicting, 'recording')} under several speakers or labels left out, as `duplicates` says"
        )
    for line in listed.left_out.lines():
        click.echo(f"warning: {corpus}: {line}", err=True)
    if summary := duplicates.summary(groups):
        click.echo(f"warning: {corpus}: the same recording more than once: {summary}; {report} names them", err=True)
    if summary := health.summary(outliers):
        click.echo(f"warning: {corpus}: recordings out of the ordinary: {summary}; {report} names them", err=True)


if __name__ == "__main__":
    main()
