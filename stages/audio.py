"""Stage `audio`: decode a corpus to mono, 16-bit, at 16 and 48 kHz."""

import click

from pipeline import paths
from pipeline.audio.audio_file import prepare_corpus
from pipeline.commands.command import Command
from pipeline.config import params
from pipeline.corpora import manifest


@click.command(cls=Command, help=__doc__)
@click.argument("corpus")
def main(corpus: str) -> None:
    """Write the audio of CORPUS."""
    settings = params.load().entry("corpora", corpus)
    rows = manifest.read(paths.manifest(corpus))
    prepare_corpus(rows, settings.root, paths.audio(corpus), corpus)
    click.echo(f"{corpus}: {len(rows)} utterances at 16 and 48 kHz in {paths.audio(corpus)}")


if __name__ == "__main__":
    main()
