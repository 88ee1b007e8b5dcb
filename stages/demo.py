"""Stage `demo`: synthesise a demo corpus."""

from pathlib import Path

import click

from pipeline.commands.command import Command
from pipeline.config import params
from pipeline.corpora.synthesis.speech import synthesise


@click.command(cls=Command, help=__doc__)
@click.argument("corpus")
@click.argument("out", type=click.Path(path_type=Path))
def main(corpus: str, out: Path) -> None:
    """Write the WAV files of CORPUS to OUT."""
    settings = params.load()
    count = synthesise(out, settings.entry("demo", corpus), settings.seed)
    click.echo(f"{corpus}: {count} synthetic utterances in {out}")


if __name__ == "__main__":
    main()
