"""`ser features`: what can be extracted."""

import click

from pipeline.commands.command import Command


@click.command(cls=Command)
@click.argument("names", nargs=-1)
def features(names: tuple[str, ...]) -> None:
    """List the feature extractors, or those of NAMES: params with defaults and units, dims, frame rate, presets."""
    from pipeline.features import EXTRACTORS
    from pipeline.features.listing import describe

    described = [describe(name) for name in names or EXTRACTORS]  # all, before a wrong name leaves half a list
    for lines in described:
        click.echo("\n".join([*lines, ""]))
