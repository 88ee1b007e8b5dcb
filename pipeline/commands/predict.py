"""`ser predict`: emotions of new recordings."""

from pathlib import Path

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.commands.options import end_without, skip_bad_option, warn


@click.command(cls=Command)
@click.argument("model")
@click.argument("inputs", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="CSV file; default: standard output.")
@click.option(
    "--ssl-model",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the self-supervised model, in the place of the one that the trained models name.",
)
@click.option("--download", is_flag=True, help="Fetch that model from its hub if the cache does not have it.")
@click.option("--device", help="torch device (SER_DEVICE; default: a GPU where there is one).")
@skip_bad_option
@click.option("--workers", type=click.IntRange(1), help="Worker processes (SER_WORKERS; default: all cores).")
def predict(
    model: str,
    inputs: tuple[Path, ...],
    out: Path | None,
    ssl_model: Path | None,
    download: bool,
    device: str | None,
    skip_bad: bool,
    workers: int | None,
) -> None:
    """Predict emotions of files, folders or a manifest (.jsonl) with a trained MODEL, as CSV.

    MODEL is an experiment or a fusion of the project in the working folder, or a folder of trained models
    (data/models/NAME, or a copy of it). Probabilities are the mean over the folds' models. A key that a
    spreadsheet would take for a formula has a ' before it.
    """
    from pipeline.config import document
    from pipeline.config.params import FILE
    from pipeline.errors import printable
    from pipeline.experiments.predictions import csv_text, plain_cell, write_csv
    from pipeline.serving import recordings
    from pipeline.serving.backbones import Backbones, named_models
    from pipeline.serving.models import find_models
    from pipeline.serving.prediction import predict

    source = find_models(model)
    found = recordings.find(inputs)
    if out is not None:
        paths.check_writable("--out", out, [*inputs, *found.values()])
    warn(recordings.unread(inputs))
    for line in source.described():
        click.echo(printable(line), err=True)
    own = named_models(document.load()) if FILE.is_file() else frozenset()
    backbones = Backbones(ssl_model, download, own)
    speakers = recordings.speakers(inputs)
    probabilities, bad = recordings.without_bad(
        found,
        recordings.missing(inputs),
        skip_bad,
        lambda files: predict(source, files, speakers, device, workers, backbones),
    )
    classes = source.leaves()[0].card.classes
    header = ["key", "emotion", *(f"p_{name}" for name in classes)]
    keys = [key for key in found if key not in bad]
    rows = [
        [plain_cell(key), classes[row.argmax()], *(f"{p:.6g}" for p in row)]
        for key, row in zip(keys, probabilities, strict=True)
    ]
    if out is None:
        click.echo(csv_text(header, rows), nl=False)
    else:
        write_csv(out, header, rows)
    end_without(bad)
