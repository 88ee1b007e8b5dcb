"""Stage `condition`: a corpus as it is under another condition, as with noise or over the telephone, for tests only."""

import click

from pipeline import paths
from pipeline.audio.conditions import make_condition
from pipeline.audio.samples import RATES
from pipeline.commands.command import Command
from pipeline.graph.current import params_for
from pipeline.storage.feature_file import FeatureFile


@click.command(cls=Command, help=__doc__)
@click.argument("corpus")
@click.argument("condition")
@click.argument("rates", nargs=-1, required=True, type=click.Choice(list(RATES)))
def main(corpus: str, condition: str, rates: tuple[str, ...]) -> None:
    """Write the recordings of CORPUS under CONDITION, an entry of `conditions`, at RATES."""
    params = params_for(f"condition-{corpus}-{condition}")
    chosen, name = params.entry("conditions", condition), paths.condition(corpus, condition)
    clean = FeatureFile(paths.audio(corpus, "48k"))
    make_condition(clean, chosen, {paths.audio(name, rate): RATES[rate] for rate in rates}, name, params.seed)
    click.echo(f"{name}: {len(clean)} utterances")


if __name__ == "__main__":
    main()
