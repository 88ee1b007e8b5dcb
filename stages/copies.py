"""Stage `copies`: make copies of a corpus with noise or at another speed or pitch, for training parts."""

import click

from pipeline import paths
from pipeline.audio.copies import make_copies
from pipeline.audio.samples import RATES
from pipeline.commands.command import Command
from pipeline.graph.current import params_for
from pipeline.storage.feature_file import FeatureFile


@click.command(cls=Command, help=__doc__)
@click.argument("copies")
@click.argument("rates", nargs=-1, required=True, type=click.Choice(list(RATES)))
def main(copies: str, rates: tuple[str, ...]) -> None:
    """Write the COPIES, an entry of `copies`, at RATES."""
    params = params_for(f"copies-{copies}")
    chosen = params.entry("copies", copies)
    clean = FeatureFile(paths.audio(chosen.source, "48k"))
    make_copies(clean, chosen, {paths.audio(copies, rate): RATES[rate] for rate in rates}, copies, params.seed)
    each = len(chosen.snr) + len(chosen.speed) + len(chosen.semitones)
    click.echo(f"{copies}: {len(clean)} utterances, {each} {'copy' if each == 1 else 'copies'} of each")


if __name__ == "__main__":
    main()
