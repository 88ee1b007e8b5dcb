"""`ser init`: a project of one's own recordings, ready for `dvc repro`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.checked import checked_stages
from pipeline.commands.command import Command

if TYPE_CHECKING:
    from pipeline.graph.first_params import Model


@click.command(cls=Command)
@click.option("--corpus", "corpora", multiple=True, metavar="NAME=ROOT", help="A folder of recordings; repeatable.")
@click.option(
    "--model",
    metavar="[NAME=]SOURCE",
    help="A self-supervised model: a hub name, as facebook/hubert-base-ls960, or a local folder.",
)
def init(corpora: tuple[str, ...], model: str | None) -> None:
    """Make a project in this folder: params.yaml and dvc.yaml, ready for `dvc repro`.

    Looks at each corpus, chooses its reader, a protocol that it can serve and a first experiment, and says so. Takes
    the place of the demo's params.yaml, and of no other.
    """
    from pipeline.commands.given import corpora_of
    from pipeline.config.params import FILE
    from pipeline.graph.first_params import first_params, protocols_for, without_lines
    from pipeline.graph.project import check_replaceable, start_project

    check_replaceable()
    chosen = corpora_of(corpora)
    states = _model(model) if model else None
    text = first_params(chosen, states)
    steps = start_project(text, checked_stages(text, FILE))
    protocols = protocols_for(chosen)
    for corpus in chosen:
        protocol, targets = protocols[corpus.name], corpus.recognition.targets
        fitted = f"ridge regression of {' and '.join(targets)}" if targets else "logistic regression"
        click.echo(f"{corpus.name}: {corpus.recognition.describe()}")
        click.echo(f"  protocol {protocol.name}: {protocol.reason}")
        for line in without_lines(corpus.recognition):
            click.echo(f"  {line}; bring more of it, and take it into the experiment's `emotions`")
        click.echo(f"  experiment pooled_{corpus.name}: functionals of log-Mel, MFCC and prosody, {fitted}")
        if states:
            layers = " and ".join(map(str, states.layers))
            click.echo(f"  experiment {states.name}_{corpus.name}: hidden states of layers {layers}, pooled, the same")
    for step in steps:
        click.echo(step)
    click.echo("next: dvc repro")


def _model(given: str) -> "Model":
    """A model by NAME=SOURCE, or by its source alone, whose last part is its name then."""
    from pipeline.commands.given import models_of
    from pipeline.graph.first_params import Model

    alone = "=" not in given or Path(given).expanduser().exists()
    ((name, source),) = models_of([f"{_name_of(given)}={given}" if alone else given]).items()
    return Model(name, source, _layers(Path(source).expanduser()))


def _name_of(source: str) -> str:
    last = source.rstrip("/").rpartition("/")[2]
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in last).strip("_") or "model"


def _layers(folder: Path) -> list[int]:
    """A low and a middle layer: 1 and 9 of models that have as many blocks, else 1 and half of them."""
    import json

    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        depth = int(config.get("encoder_layers") or config.get("num_hidden_layers") or 12)
    except (OSError, ValueError, AttributeError, TypeError):
        return [1, 9]
    return [1, 9] if depth >= 9 else sorted({1, max(1, depth // 2)})
