"""Stage `features`: extract one feature, or one embedding, of one corpus."""

import click

from pipeline import paths
from pipeline.audio.audio_file import audio_file
from pipeline.commands.command import Command
from pipeline.commands.options import worker_options
from pipeline.extraction.extraction import extract
from pipeline.graph.current import params_for
from pipeline.jobs.devices import torch_devices
from pipeline.jobs.workplace import Workplace


@click.command(cls=Command, help=__doc__)
@click.argument("corpus")
@click.argument("name")
@worker_options
def main(corpus: str, name: str, workers: int | None, cluster: str | None) -> None:
    """Write the feature NAME, an entry of `features` or `embeddings`, of CORPUS, or of copies."""
    params = params_for(f"features-{corpus}-{name}")
    extractor, settings = params.feature(name)
    out = paths.feature_file(corpus, name, embedding=name in params.embeddings)
    audio = audio_file(paths.DATA / "audio" / corpus, settings.sample_rate)
    devices = torch_devices(cluster=cluster) if extractor.uses_device else ["cpu"]
    made = extractor(settings, "cpu" if cluster else devices[0])
    packed = params.storage.compression
    summary = extract(made, audio, out, corpus, Workplace(workers, cluster, tuple(devices)), packed)
    click.echo(f"{name} of {corpus}: {summary}; {out}")


if __name__ == "__main__":
    main()
