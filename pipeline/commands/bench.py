"""`ser bench`: what is fast, beside its peers."""

from pathlib import Path

import click

from pipeline import paths
from pipeline.commands.command import Command


@click.group()
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
