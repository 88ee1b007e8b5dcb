"""Stage `demo`: synthesise a demo corpus."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.corpora.synthesis.speech import synthesise
from pipeline.graph.current import params_for


@click.command(cls=Command, help=__doc__)
@click.argument("corpus")
def main(corpus: str) -> None:
    """Write the WAV files of CORPUS, an entry of `demo`."""
    params = params_for(f"demo-{corpus}")
    count = synthesise(paths.raw(corpus), params.entry("demo", corpus), params.seed)
    click.echo(f"{corpus}: {count} synthetic utterances in {paths.raw(corpus)}")


if __name__ == "__main__":
    main()
