"""`ser unpack`: recordings out of Arrow and Parquet files."""

from pathlib import Path

import click

from pipeline.commands.command import Command


@click.command(cls=Command)
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def unpack(folder: Path, out: Path) -> None:
    """Write the recordings inside FOLDER as files in the new folder OUT, with a metadata.csv of what is said of them.

    FOLDER is what `save_to_disk` of Hugging Face's datasets wrote, or a dataset of a hub with its Parquet files. The
    reader hf_datasets reads OUT. Needs pyarrow (`pip install pyarrow`).
    """
    from pipeline.corpora.unpacking import unpack as written

    counts = written(folder, out)
    splits = ", ".join(f"{count} in {split}" for split, count in counts.items())
    click.echo(f"{out}: {sum(counts.values())} recordings ({splits or 'none'}), and metadata.csv")
