"""Stage `noise`: make noisy copies of a corpus, for training parts."""

import click

from pipeline import audio, params, paths
from pipeline.commands import Command
from pipeline.extract import audio_file


@click.command(cls=Command, help=__doc__)
@click.argument("copies")
def main(copies: str) -> None:
    """Write the noisy COPIES, an entry of `noise`."""
    settings = params.load()
    noise = settings.entry("noise", copies)
    clean = audio_file(paths.audio(noise.source), 48000)
    audio.noisy_copies(clean, noise.snr, paths.audio(copies), copies, settings.seed)
    click.echo(f"{copies}: {len(clean)} utterances at {', '.join(f'{snr:g}' for snr in noise.snr)} dB SNR")


if __name__ == "__main__":
    main()
