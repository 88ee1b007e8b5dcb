"""Stage `audio`: decode a corpus to mono, 16 bits, at one or both sampling rates."""

import click

from pipeline import paths
from pipeline.audio.audio_file import prepare_corpus
from pipeline.audio.known_audio import KnownAudio
from pipeline.audio.samples import RATES
from pipeline.commands.command import Command
from pipeline.corpora import manifest
from pipeline.graph.code import code_digest
from pipeline.graph.current import params_for


@click.command(cls=Command, help=__doc__)
@click.argument("corpus")
@click.argument("rates", nargs=-1, required=True, type=click.Choice(list(RATES)))
def main(corpus: str, rates: tuple[str, ...]) -> None:
    """Write the audio of CORPUS at RATES."""
    settings = params_for(f"audio-{corpus}").entry("corpora", corpus)
    rows = manifest.read(paths.manifest(corpus))
    recordings = {row.key: row.source(settings.root) for row in rows}
    files = {paths.audio(corpus, rate): RATES[rate] for rate in rates}
    known = KnownAudio(files, code_digest("audio/audio_file.py"), {row.key: row.sha256 for row in rows})
    prepare_corpus(recordings, files, corpus, known)
    click.echo(f"{corpus}: {len(rows)} utterances at {' and '.join(f'{RATES[rate] // 1000} kHz' for rate in rates)}")


if __name__ == "__main__":
    main()
