"""Stage `features`: extract one feature, or one embedding, of one corpus."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.commands.options import worker_options
from pipeline.extraction.recipe import extract_feature
from pipeline.graph.current import params_for
from pipeline.graph.stages import feature_stage
from pipeline.jobs.workplace import Workplace


@click.command(cls=Command, help=__doc__)
@click.argument("corpus")
@click.argument("name")
@worker_options
def main(corpus: str, name: str, workers: int | None, cluster: str | None) -> None:
    """Write the feature NAME, an entry of `features` or `embeddings`, of CORPUS, of copies, or of CORPUS/CONDITION."""
    params = params_for(feature_stage(corpus, name))
    extractor, settings = params.feature(name)
    out = paths.feature_file(corpus, name, embedding=name in params.embeddings)
    audio, compression = paths.audio_folder(corpus), params.storage.compression
    summary = extract_feature(extractor, settings, audio, out, corpus, Workplace(workers, cluster), compression)
    click.echo(f"{name} of {corpus}: {summary}; {out}")


if __name__ == "__main__":
    main()
