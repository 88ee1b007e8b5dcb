"""`ser bench`: what is fast, beside its peers."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.commands.options import FiniteRange

if TYPE_CHECKING:
    from pipeline.bench.parts import Parts


@click.group()
def bench() -> None:
    """Measure speed, on data made for it; the figures stand beside their targets.

    Exit code 1 where a part could not be run, a value is wrong or, but for --quick and for a GPU, a target is missed.
    """


def _exit_unless(good: bool) -> None:
    """Leave with exit code 1 where what was measured is not as it should be."""
    if not good:
        click.get_current_context().exit(1)


def _parts(name: str, parts: "Parts", only: tuple[str, ...], quick: bool, report: Path | None) -> None:
    """Measure the parts of a benchmark that are asked for."""
    from pipeline.bench.parts import run

    if report is not None:
        paths.check_writable("--json", report)
    _exit_unless(run(name, parts, only, quick, report, click.echo, lambda text: click.echo(text, err=True)))


@bench.command("store", cls=Command)
@click.option("--quick", is_flag=True, help="Small sizes: only to see that it runs.")
@click.option("--only", multiple=True, metavar="PART", help="reads, writing, adding, workers or graph; repeatable.")
@click.option("--json", "report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures here.")
def bench_store(quick: bool, only: tuple[str, ...], report: Path | None) -> None:
    """Feature files: reads, the cost of writing and of adding 1 %, two workers, a no-op `dvc repro`.

    Takes about 4 minutes and 2 GB of the temporary folder. The last part measures the project in the working folder.
    """
    from pipeline.bench import store

    _parts("store", store.PARTS, only, quick, report)


@bench.command("starts", cls=Command)
@click.option("--quick", is_flag=True, help="Each stage once, and one stage of a demo: only to see that it runs.")
@click.option("--only", multiple=True, metavar="PART", help="stages or demo; repeatable.")
@click.option("--json", "report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures here.")
def bench_starts(quick: bool, only: tuple[str, ...], report: Path | None) -> None:
    """Stages with nothing to do, by `dvc repro` and by `ser run`, and a demo from nothing.

    Of the project in the working folder, which is up to date and, for the demo, a repository of git. Takes about 4
    minutes on 2 free cores.
    """
    from pipeline.bench import starts

    _parts("starts", starts.PARTS, only, quick, report)


@bench.command("train", cls=Command)
@click.option("--quick", is_flag=True, help="Small sizes: only to see that it runs.")
@click.option("--only", multiple=True, metavar="PART", help="steps, curves, probe, epochs or compile; repeatable.")
@click.option("--json", "report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures here.")
def bench_train(quick: bool, only: tuple[str, ...], report: Path | None) -> None:
    """The wav2vec 2.0 branch from cached states, and the same training end to end: time of a step, loss curves.

    A probe of a large table, beside scikit-learn; an epoch of each system, beside the processor's rate in matrix
    products; and epochs of networks that torch compiles. Takes about 13 minutes and 5 GB of memory on 2 free cores.
    """
    from pipeline.bench import train

    _parts("train", train.PARTS, only, quick, report)


@bench.command("features", cls=Command)
@click.argument("inputs", type=click.Path(path_type=Path), nargs=-1)
@click.option("--quick", is_flag=True, help="Small sizes: only to see that it runs.")
@click.option("--only", multiple=True, metavar="PART", help="logmel, mfcc, prosody or ssl; repeatable.")
@click.option("--json", "report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures here.")
def bench_features(inputs: tuple[Path, ...], quick: bool, only: tuple[str, ...], report: Path | None) -> None:
    """Features: log-Mel and MFCC beside librosa, prosody beside DisVoice, SSL beside a loop of transformers calls.

    On 40 of the recordings in INPUTS (files, folders or a manifest), or on synthetic speech when there are none. Needs
    no network, and takes about 3 minutes.
    """
    from pipeline.bench import features

    if report is not None:
        paths.check_writable("--json", report)
    _exit_unless(features.run(inputs, only, quick, report, click.echo, lambda text: click.echo(text, err=True)))


@bench.command("ssl", cls=Command)
@click.argument("inputs", type=click.Path(path_type=Path), nargs=-1)
@click.option("--quick", is_flag=True, help="Small sizes: only to see that it runs.")
@click.option("--json", "report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures here.")
def bench_ssl(inputs: tuple[Path, ...], quick: bool, report: Path | None) -> None:
    """Hidden states on one core: beside transformers, in bfloat16, and the share of the processor's own rate.

    The part `ssl` of `ser bench features`; takes about 3 minutes.
    """
    from pipeline.bench import features

    if report is not None:
        paths.check_writable("--json", report)
    _exit_unless(features.run(inputs, ("ssl",), quick, report, click.echo, lambda text: click.echo(text, err=True)))


@bench.command("gpu", cls=Command)
@click.option("--device", default="cuda", show_default=True, help="Torch device; cpu with --quick to try the command.")
@click.option("--quick", is_flag=True, help="Toys instead of encoders of the real shapes: only to see that it runs.")
@click.option("--json", "report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures here.")
def bench_gpu(device: str, quick: bool, report: Path | None) -> None:
    """A GPU beside the CPU: the same values, hidden states per second, log-Mel and MFCC, training, memory.

    Needs no network and no data, and takes less than 8 minutes; a part that fails or takes too long leaves the others
    to go on.
    """
    from pipeline.bench.gpu.run import run

    if report is not None:
        paths.check_writable("--json", report)
    _exit_unless(run(device, quick, report, click.echo, lambda text: click.echo(text, err=True)))


@bench.command("serve", cls=Command)
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--seconds", type=FiniteRange(1), default=300, show_default=True, help="How long 50 clients ask each model."
)
@click.option(
    "--recordings",
    type=click.Path(path_type=Path, exists=True),
    help="What they send: a file, a folder or a manifest, of which 32 at most; default: synthetic speech, 0.5 to 12 s.",
)
@click.option("--quick", is_flag=True, help="Small sizes, and 50 clients for 3 s: only to see that it runs.")
@click.option("--json", "report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures here.")
def bench_serve(
    models: tuple[str, ...], seconds: float, recordings: Path | None, quick: bool, report: Path | None
) -> None:
    """Trained models, as `ser export` made them: latency cold and warm, throughput, 50 clients, memory.

    Needs the extra `app`, and takes about 8 minutes a model. Every answer over HTTP is held against that of the same
    model in Python.
    """
    from pipeline.app.server import check_extra
    from pipeline.bench import serve

    check_extra()
    if report is not None:
        paths.check_writable("--json", report)
    duration = 3 if quick else seconds
    _exit_unless(
        serve.run(models, duration, quick, recordings, report, click.echo, lambda text: click.echo(text, err=True))
    )


@bench.command("arithmetic", cls=Command)
@click.option("--quick", is_flag=True, help="One instruction set, once: only to see that it runs.")
@click.option("--emulated", is_flag=True, help="Also on emulated processors of other makers (qemu-x86_64).")
@click.option("--json", "report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures here.")
def bench_arithmetic(quick: bool, emulated: bool, report: Path | None) -> None:
    """Which bytes move with the processor's instruction set, natively and portably, and what the latter costs.

    Libraries are held to SSE4.2, AVX2 and AVX-512, as far as the processor has them. Takes about 5 minutes.
    """
    from pipeline.bench import arithmetic

    if report is not None:
        paths.check_writable("--json", report)
    _exit_unless(arithmetic.measure(quick, emulated, report, click.echo, lambda text: click.echo(text, err=True)))


@bench.command("scale", cls=Command)
@click.option(
    "--to",
    "largest",
    type=click.IntRange(2000),
    default=10_000,
    show_default=True,
    help="Recordings of the largest project; the others have a tenth and three tenths.",
)
@click.option("--quick", is_flag=True, help="2000 recordings at most, and little memory: only to see that it runs.")
@click.option("--json", "report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures here.")
def bench_scale(largest: int, quick: bool, report: Path | None) -> None:
    """Many recordings: time, memory and growth of each stage, DVC with nothing to do, 100 more, short memory.

    On synthetic recordings of 0.3 s. Takes about 6 minutes on 2 free cores, and with `--to 100000` an hour and 8 GB of
    the temporary folder.
    """
    from pipeline.bench import scale

    if report is not None:
        paths.check_writable("--json", report)
    count = 2000 if quick else largest
    _exit_unless(scale.run(count, quick, report, click.echo, lambda text: click.echo(text, err=True)))
