"""The `ser` command."""

import math
from pathlib import Path
from typing import Any

import click

from pipeline import __version__, paths
from pipeline.commands.command import Command
from pipeline.commands.graph import graph
from pipeline.commands.options import worker_options
from pipeline.papers.commands import preset


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ser")
def main() -> None:
    """Speech emotion recognition: look at what the pipeline reads and makes. `dvc repro` runs it."""


@main.command(cls=Command)
@click.argument("names", nargs=-1)
def features(names: tuple[str, ...]) -> None:
    """List the feature extractors, or those of NAMES: params with defaults and units, dims, frame rate, presets."""
    from pipeline.features import EXTRACTORS
    from pipeline.features.listing import describe

    described = [describe(name) for name in names or EXTRACTORS]  # all, before a wrong name leaves half a list
    for lines in described:
        click.echo("\n".join([*lines, ""]))


def _finite(context: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """Refuse NaN, which no range leaves out."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a finite number.", context, option)
    return value


@main.command(cls=Command)
@click.argument("extractor")
@click.argument("inputs", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Feature file to make or bring up to date.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A param, or preset=NAME; repeatable.")
@click.option("--device", "chosen", help="torch device of a model (SER_DEVICE; default: a GPU where there is one).")
@click.option(
    "--batch-seconds", type=click.FloatRange(0, 86400, min_open=True), callback=_finite, help="Audio in one batch (s)."
)
@click.option("--compression", type=click.Choice(["gzip", "lzf"]), help="Smaller file, slower to read.")
@worker_options
def extract(
    extractor: str,
    inputs: tuple[Path, ...],
    out: Path,
    settings: tuple[str, ...],
    chosen: str | None,
    batch_seconds: float | None,
    compression: str | None,
    workers: int | None,
    cluster: str | None,
) -> None:
    """Extract the feature EXTRACTOR of files, folders or a manifest (.jsonl), outside DVC.

    Keys are paths relative to the given folder without suffix, the stem of a single file, or the manifest's. Recordings
    that OUT already has are not computed again.
    """
    from pipeline.audio.audio_file import prepare
    from pipeline.errors import ParamsError
    from pipeline.extraction.extraction import extract as run
    from pipeline.features import find_extractor
    from pipeline.features.presets import resolve
    from pipeline.jobs.devices import torch_devices
    from pipeline.serving import recordings
    from pipeline.storage.feature_file import FeatureFile
    from pipeline.strict import validate

    kind = find_extractor(extractor)
    params = validate(kind.Params, resolve(extractor, _assignments(settings), extractor), extractor)
    found = recordings.find(inputs)
    recordings.check_output(out, found)
    if chosen not in (None, "cpu") and not (kind.uses_device or kind.uses_torch):
        raise ParamsError(f"--device {chosen}: {extractor} is computed on the CPU; leave the option out")
    devices = torch_devices(chosen, cluster) if kind.uses_device or (kind.uses_torch and chosen) else ["cpu"]
    made = kind(params, "cpu" if cluster else devices[0])
    if batch_seconds is not None:
        made.batch_seconds = batch_seconds
    audio = out.with_name(out.name + ".audio")
    corpus = inputs[0].resolve().stem
    prepare(found, {audio: params.sample_rate}, corpus, workers)
    try:
        summary = run(made, FeatureFile(audio), out, corpus, workers, cluster, compression, devices)
    finally:
        audio.unlink(missing_ok=True)
    click.echo(f"{out}: {summary}")


def _assignments(settings: tuple[str, ...]) -> dict[str, Any]:
    """Values given as KEY=VALUE, read as YAML."""
    from pipeline.config.strict_yaml import parse
    from pipeline.errors import ParamsError

    values: dict[str, Any] = {}
    for setting in settings:
        key, mark, text = setting.partition("=")
        if not mark or not key:
            raise ParamsError(f"--set {setting!r}: expected KEY=VALUE, as n_mels=64")
        if key in values:
            raise ParamsError(f"--set {setting!r}: {key} is given twice; give it once")
        values[key] = parse(text, f"--set {key}")
    return values


@main.command(cls=Command)
@click.argument("model")
@click.argument("inputs", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="CSV file; default: standard output.")
@click.option("--device", help="torch device (SER_DEVICE; default: a GPU where there is one).")
@click.option("--workers", type=click.IntRange(1), help="Worker processes (SER_WORKERS; default: all cores).")
def predict(model: str, inputs: tuple[Path, ...], out: Path | None, device: str | None, workers: int | None) -> None:
    """Predict emotions of files, folders or a manifest (.jsonl) with a trained MODEL, as CSV.

    MODEL is an experiment or a fusion of the project in the working folder, or a folder of trained models
    (data/models/NAME, or a copy of it). Probabilities are the mean over the folds' models.
    """
    from pipeline.config import document
    from pipeline.experiments.predictions import csv_text, write_csv
    from pipeline.serving import recordings
    from pipeline.serving.prediction import find_models, predict

    fusions = document.load().fusions if Path("params.yaml").is_file() else {}
    models, fusion = find_models(model, fusions)
    found = recordings.find(inputs)
    if out is not None:
        paths.check_writable("--out", out, [*inputs, *found.values()])
    for each in models:
        click.echo(each.describe(), err=True)
    probabilities = predict(model, models, fusion, found, recordings.speakers(inputs), device, workers)
    classes = models[0].card["classes"]
    header = ["key", "emotion", *(f"p_{name}" for name in classes)]
    rows = [
        [key, classes[row.argmax()], *(f"{p:.6g}" for p in row)] for key, row in zip(found, probabilities, strict=True)
    ]
    if out is None:
        click.echo(csv_text(header, rows), nl=False)
    else:
        write_csv(out, header, rows)


@main.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
def inspect(path: Path) -> None:
    """Say what a feature file holds: health, extractor, params, streams, counts and size."""
    from pipeline.storage.feature_file import FeatureFile
    from pipeline.storage.header import SCHEMA
    from pipeline.storage.identity import canonical_json

    file = FeatureFile(path)
    header = file.header
    lengths = file.lengths
    file.verify()
    rows = {
        "health": "good: the contents have the checksum they were written with",
        "schema": SCHEMA,
        "corpus": header.corpus,
        "extractor": f"{header.extractor}, version {header.version}",
        "params": canonical_json(dict(header.params)),
        **header.notes,
        "frame rate": f"{header.frame_rate:g} Hz, the first at {header.first_frame:g} s"
        if header.frame_rate
        else "not framed",
        "utterances": len(file),
        "frames": f"{lengths.sum()} in all, {lengths.min()} to {lengths.max()} an utterance" if len(file) else "0",
        **{f"stream {name}": f"{values.dtype}, {values.shape[1]} dims" for name, values in file.streams.items()},
        "size": f"{path.stat().st_size / 1e6:.1f} MB",
    }
    for name, value in rows.items():
        click.echo(f"{name:<18} {value}")


@main.group()
def bench() -> None:
    """Measure speed, on data made for it; the figures stand beside their targets."""


@bench.command("store", cls=Command)
@click.option("--quick", is_flag=True, help="Small sizes: only to see that it runs.")
@click.option("--only", multiple=True, metavar="PART", help="reads, writing, adding, workers or graph; repeatable.")
@click.option("--json", "report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures here.")
def bench_store(quick: bool, only: tuple[str, ...], report: Path | None) -> None:
    """Feature files: reads, the cost of writing and of adding 1 %, two workers, a no-op `dvc repro`.

    Takes about 4 minutes and 2 GB of the temporary folder. The last part measures the project in the working folder.
    """
    from pipeline.bench import store

    if report is not None:
        paths.check_writable("--json", report)
    store.run(only, quick, report, click.echo, lambda text: click.echo(text, err=True))


@bench.command("train", cls=Command)
@click.option("--quick", is_flag=True, help="Small sizes: only to see that it runs.")
@click.option("--json", "report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures here.")
def bench_train(quick: bool, report: Path | None) -> None:
    """The wav2vec 2.0 branch from cached states, beside the same training end to end: time of a step, loss curves.

    Takes about 5 minutes and 5 GB of memory on 2 free cores.
    """
    from pipeline.bench import train

    if report is not None:
        paths.check_writable("--json", report)
    train.measure(quick, report, click.echo, lambda text: click.echo(text, err=True))


main.add_command(preset)
main.add_command(graph)


@bench.command("features", cls=Command)
@click.argument("inputs", type=click.Path(path_type=Path), nargs=-1)
@click.option("--quick", is_flag=True, help="Small sizes: only to see that it runs.")
@click.option("--only", multiple=True, metavar="PART", help="logmel, mfcc, prosody, ssl or gpu; repeatable.")
@click.option("--json", "report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures here.")
def bench_features(inputs: tuple[Path, ...], quick: bool, only: tuple[str, ...], report: Path | None) -> None:
    """Features: log-Mel and MFCC beside librosa, prosody beside DisVoice, SSL beside a loop of transformers calls.

    On 40 of the recordings in INPUTS (files, folders or a manifest), or on synthetic speech when there are none. Needs
    no network, and takes about 3 minutes.
    """
    from pipeline.bench import features

    if report is not None:
        paths.check_writable("--json", report)
    features.run(inputs, only, quick, report, click.echo, lambda text: click.echo(text, err=True))


if __name__ == "__main__":
    main()
