"""The `ser` command."""

from pathlib import Path
from typing import Any

import click

from pipeline import __version__
from pipeline.commands import Command


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
@click.argument("path", type=click.Path(path_type=Path))
def inspect(path: Path) -> None:
    """Say what a feature file holds: extractor, params, streams, counts and size."""
    from pipeline.store import SCHEMA, FeatureFile, canonical_json

    file = FeatureFile(path)
    header = file.header
    lengths = file.lengths
    rows = {
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
