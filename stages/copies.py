"""Stage `copies`: make copies of a corpus with noise or at another speed or pitch, for training parts."""

import click

from pipeline import paths
from pipeline.audio.audio_file import audio_file
from pipeline.audio.copies import make_copies
from pipeline.commands.command import Command
from pipeline.config import params


@click.command(cls=Command, help=__doc__)
@click.argument("copies")
def main(copies: str) -> None:
    """Write the COPIES, an entry of `copies`."""
    settings = params.load()
    chosen = settings.entry("copies", copies)
    clean = audio_file(paths.audio(chosen.source), 48000)
    make_copies(clean, chosen, paths.audio(copies), copies, settings.seed)
    each = len(chosen.snr) + len(chosen.speed) + len(chosen.semitones)
    click.echo(f"{copies}: {len(clean)} utterances, {each} {'copy' if each == 1 else 'copies'} of each")


if __name__ == "__main__":
    main()
