"""Stage `manifest`: list a corpus's recordings, one JSON line each, and count them."""

import click

from pipeline import manifest, params, paths
from pipeline.commands import Command
from pipeline.predictions import write_json
from pipeline.report import counts_table


@click.command(cls=Command, help=__doc__)
@click.argument("corpus")
def main(corpus: str) -> None:
    """Write the manifest of CORPUS."""
    rows = manifest.build(corpus, params.load().entry("corpora", corpus))
    counts = manifest.counts(rows)
    manifest.write(paths.manifest(corpus), rows)
    write_json(paths.METRICS / "corpora" / f"{corpus}.json", counts)
    click.echo(counts_table(corpus, counts))


if __name__ == "__main__":
    main()
