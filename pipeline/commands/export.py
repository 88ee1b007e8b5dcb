"""`ser export`: trained models as one folder or file, for use elsewhere."""

from pathlib import Path
from typing import Literal

import click

from pipeline.commands.command import Command


@click.command(cls=Command)
@click.argument("name")
@click.option(
    "--to", "out", type=click.Path(path_type=Path), help="Folder, or FILE.zip, to make; default: exports/NAME."
)
@click.option(
    "--models",
    type=click.Choice(["folds", "refitted"]),
    default="folds",
    show_default=True,
    help="The cross-validation's models, whose mean is taken; or one trained again on all of the data.",
)
@click.option(
    "--onnx",
    "number_format",
    type=click.Choice(["float32", "int8"]),
    is_flag=False,
    flag_value="float32",
    help="After NAME: add model.onnx, from the waveform to the probabilities, and an example that runs it with "
    "onnxruntime and numpy alone; int8 for its matrix products. Needs the extra `export`.",
)
def export(
    name: str,
    out: Path | None,
    models: Literal["folds", "refitted"],
    number_format: Literal["float32", "int8"] | None,
) -> None:
    """Export the experiment or fusion NAME with what its scores are worth, and a model card for people.

    The folder has all that `ser predict`, `ser embed` and `load_model` need, which take nothing else; but for a
    self-supervised model, which it names by the digest of its weights. README.md in it is a model card that Hugging
    Face's hub understands.
    """
    from pipeline.config import document
    from pipeline.serving.export import check_place, export
    from pipeline.serving.export_card import EXPORTS

    params = document.load()
    place = EXPORTS / name if out is None else out
    check_place(place)
    card = export(params, name, place, models, number_format)
    click.echo(f"{place}: {card.system}, {card.headline}")
    for note in card.marks.values():
        click.echo(f"note: {note.partition(':')[0]}", err=True)
