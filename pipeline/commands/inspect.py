"""`ser inspect`: what a feature file holds."""

from pathlib import Path

import click

from pipeline.commands.command import Command


@click.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
def inspect(path: Path) -> None:
    """Say what a feature file holds: health, extractor, params, streams, counts and size."""
    from pipeline.errors import printable
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
        click.echo(printable(f"{name:<18} {value}"))
