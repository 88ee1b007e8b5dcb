"""Stages `features` and `embeddings`: extract one feature of one corpus."""

import click

from pipeline import paths
from pipeline.audio.audio_file import audio_file
from pipeline.commands.command import Command
from pipeline.commands.options import worker_options
from pipeline.config import params
from pipeline.errors import ParamsError
from pipeline.extraction.extraction import extract
from pipeline.jobs.devices import torch_devices


@click.command(cls=Command, help=__doc__)
@click.argument("section", type=click.Choice(["features", "embeddings"]))
@click.argument("corpus")
@click.argument("name")
@worker_options
def main(section: str, corpus: str, name: str, workers: int | None, cluster: str | None) -> None:
    """Write the feature NAME, an entry of SECTION, of CORPUS."""
    chosen = params.load()
    extractor, settings = chosen.feature(name)
    right = "embeddings" if name in chosen.embeddings else "features"
    if section != right:
        raise ParamsError(f"{name!r} is an entry of {right}, not of {section}; run with {right} {corpus} {name}")
    out = getattr(paths, section)(corpus, name)
    audio = audio_file(paths.audio(corpus), settings.sample_rate)
    devices = torch_devices(cluster=cluster) if extractor.uses_device else ["cpu"]
    made = extractor(settings, "cpu" if cluster else devices[0])
    packed = chosen.storage.compression
    summary = extract(made, audio, out, corpus, workers, cluster, packed, devices)
    click.echo(f"{name} of {corpus}: {summary}; {out}")


if __name__ == "__main__":
    main()
