"""Stages `features` and `embeddings`: extract one feature of one corpus."""

import click

from pipeline import params, paths
from pipeline.commands import Command, device
from pipeline.extract import audio_file, extract


@click.command(cls=Command, help=__doc__)
@click.argument("section", type=click.Choice(["features", "embeddings"]))
@click.argument("corpus")
@click.argument("name")
def main(section: str, corpus: str, name: str) -> None:
    """Write the feature NAME, an entry of SECTION, of CORPUS."""
    extractor, settings = params.load().feature(name)
    out = getattr(paths, section)(corpus, name)
    audio = audio_file(paths.audio(corpus), settings.sample_rate)
    summary = extract(extractor(settings, device() if section == "embeddings" else "cpu"), audio, out, corpus)
    click.echo(f"{name} of {corpus}: {summary}; {out}")


if __name__ == "__main__":
    main()
