"""`ser embed`: vectors that stand for recordings."""

from pathlib import Path
from typing import Literal

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.commands.model_options import model_options
from pipeline.commands.options import end_without, skip_bad_option, warn


@click.command(cls=Command)
@click.argument("model")
@click.argument("inputs", type=click.Path(path_type=Path, allow_dash=True), nargs=-1, required=True)
@click.option("--to", "out", type=click.Path(path_type=Path), required=True, help="FILE.h5, FILE.csv or FILE.npy.")
@click.option(
    "--of",
    type=click.Choice(["network", "states"]),
    default="network",
    show_default=True,
    help="What the last layers of networks hear; or the mean over time of all features, hidden states among them.",
)
@model_options
@skip_bad_option
def embed(
    model: str,
    inputs: tuple[Path, ...],
    out: Path,
    of: Literal["network", "states"],
    ssl_model: Path | None,
    download: bool,
    device: str | None,
    skip_bad: bool,
) -> None:
    """Write a vector of each recording by an exported MODEL: what the last layer of its networks hears.

    That is of each fold's network, one after another. A model without networks gives the mean of its features over
    time, hidden states among them; a fusion its branches' vectors, one after another. INPUTS are as of `ser predict`,
    of at most ten minutes each. A .npy file has the vectors alone; FILE.keys.json beside it has the recordings' keys in
    their order. The names of columns, the attribute `parts` of a .h5 file and a line on standard error say which
    numbers are of which branch and fold.
    """
    from pipeline.serving import recordings
    from pipeline.serving.backbones import backbones_here
    from pipeline.serving.export_reading import opened_model
    from pipeline.serving.loading import loaded
    from pipeline.serving.standard_input import with_standard_input
    from pipeline.serving.vectors import check_suffix, files_of, origin, ranges, write_vectors

    check_suffix(out)
    paths.check_apart("--to", out, Path(model))
    with with_standard_input(inputs) as given, opened_model(model) as source:
        found = recordings.find(given)
        files = recordings.whole_files(found, "ser embed")
        for file in files_of(out):
            paths.check_writable("--to", file, [*given, *files.values()])
        warn(recordings.unread(given))
        asked = loaded(source, backbones_here(ssl_model, download), device)
        missing = recordings.missing(given)
        embeddings, bad = recordings.without_bad(
            found, missing, skip_bad, lambda kept: asked.embed_all(recordings.whole_files(kept, "ser embed"), of)
        )
        keys = [key for key in found if key not in bad]
        write_vectors(out, keys, embeddings, origin(source, of))
        plural = "" if len(keys) == 1 else "s"
        click.echo(f"{out}: {len(keys)} vector{plural} of {embeddings.vectors.shape[1]} numbers")
        told = (f"{name} {numbers}" for name, numbers in ranges(embeddings.parts).items())
        click.echo(f"parts: {', '.join(told)}", err=True)
    end_without(bad)
