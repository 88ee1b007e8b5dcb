"""The `ser` command."""

from pathlib import Path
from typing import Any

import click

from pipeline import __version__
from pipeline.commands import Command, worker_options


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ser")
def main() -> None:
    """Speech emotion recognition: look at what the pipeline reads and makes. `dvc repro` runs it."""


@main.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path), default=Path("params.yaml"))
def check(path: Path) -> None:
    """Validate params.yaml, every experiment's own params included."""
    from pipeline import params
    from pipeline.strict import validate
    from pipeline.systems import find_system

    settings = params.load(path)
    count = 0
    for system, experiments in settings.experiments.items():
        for name, experiment in experiments.items():
            key = f"{path}: experiments.{system}.{name}.params"
            validate(find_system(system).load().Params, experiment.params, key)
            count += 1
    click.echo(
        f"{path} is valid: {len(settings.corpora)} corpora, {count} experiments, {len(settings.fusions)} fusions"
    )


@main.command(cls=Command)
def features() -> None:
    """List the feature extractors, their params with defaults and units, and the version of each."""
    from pipeline.features import EXTRACTORS, find_extractor

    for name in EXTRACTORS:
        extractor = find_extractor(name)
        summary = (extractor.__doc__ or "").strip().splitlines()[0]
        click.echo(f"{name} (version {extractor.version}): {summary}")
        for field, info in extractor.Params.model_fields.items():
            click.echo(f"  {field} = {_shown(info.default)}: {info.description or ''}".rstrip(": "))
        click.echo()


def _shown(value: Any) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@main.command(cls=Command)
@click.argument("extractor")
@click.argument("inputs", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Feature file to make or bring up to date.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A param of the extractor; repeatable.")
@click.option("--device", "chosen", help="torch device of a model (SER_DEVICE; default: a GPU where there is one).")
@click.option("--batch-seconds", type=click.FloatRange(0, min_open=True), help="Audio in one batch (s).")
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
    from pipeline import recordings
    from pipeline.commands import torch_devices
    from pipeline.extract import extract as run
    from pipeline.features import find_extractor
    from pipeline.store import FeatureFile
    from pipeline.strict import validate

    kind = find_extractor(extractor)
    params = validate(kind.Params, _assignments(settings), extractor)
    found = recordings.find(inputs)
    devices = torch_devices(chosen, cluster) if kind.uses_device else ["cpu"]
    made = kind(params, "cpu" if cluster else devices[0])
    if batch_seconds is not None:
        made.batch_seconds = batch_seconds
    audio = out.with_name(out.name + ".audio")
    corpus = inputs[0].resolve().stem
    recordings.prepare(found, params.sample_rate, audio, corpus)
    try:
        summary = run(made, FeatureFile(audio), out, corpus, workers, cluster, compression, devices)
    finally:
        audio.unlink(missing_ok=True)
    click.echo(f"{out}: {summary}")


def _assignments(settings: tuple[str, ...]) -> dict[str, Any]:
    """Values given as KEY=VALUE, read as YAML."""
    from pipeline.errors import ParamsError
    from pipeline.strict_yaml import parse

    values: dict[str, Any] = {}
    for setting in settings:
        key, mark, text = setting.partition("=")
        if not mark or not key:
            raise ParamsError(f"--set {setting!r}: expected KEY=VALUE, as n_mels=64")
        values[key] = parse(text, f"--set {key}")
    return values


@main.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
def inspect(path: Path) -> None:
    """Say what a feature file holds: health, extractor, params, streams, counts and size."""
    from pipeline.store import SCHEMA, FeatureFile, canonical_json

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
        "frame rate": f"{header.frame_rate:g} Hz" if header.frame_rate else "not framed",
        "utterances": len(file),
        "frames": f"{lengths.sum()} in all, {lengths.min()} to {lengths.max()} an utterance" if len(file) else "0",
        **{f"stream {name}": f"{values.dtype}, {values.shape[1]} dims" for name, values in file.streams.items()},
        "size": f"{path.stat().st_size / 1e6:.1f} MB",
    }
    for name, value in rows.items():
        click.echo(f"{name:<18} {value}")


if __name__ == "__main__":
    main()
