"""`ser predict --stream` and `--mic`: sound that is heard while it is spoken."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from pipeline.commands.options import FiniteRange, warn, write_output
from pipeline.jobs import interrupts

if TYPE_CHECKING:
    from pipeline.serving.loaded import Loaded
    from pipeline.serving.microphone import Microphone
    from pipeline.serving.streaming import Pipe
    from pipeline.serving.windows import Windows

Ask = Callable[["Loaded[Any]"], None]
"""asks a model, and writes what it says"""


def live_options(command: Any) -> Any:
    """Add the options that take sound from elsewhere than files."""
    for option in (
        click.option(
            "--mic",
            type=FiniteRange(0.1, 600),
            metavar="SECONDS",
            help="Record from the default microphone (extra mic), in the place of INPUTS.",
        ),
        click.option("--rate", type=int, metavar="HZ", help="Rate of the stream; default: its WAV header's, or 16000."),
        click.option(
            "--stream",
            is_flag=True,
            help="Hear 16-bit mono samples on standard input: a JSON line as soon as a window is full.",
        ),
    ):
        command = option(command)
    return command


def check_sources(inputs: Sequence[Path], stream: bool, rate: int | None, mic: float | None) -> None:
    """Refuse sound from several places, or from none.

    Raises:
        ParamsError: it is so.
        UsageError: there is none.
    """
    from pipeline.errors import ParamsError

    given = [name for name, there in (("INPUTS", inputs), ("--stream", stream), ("--mic", mic is not None)) if there]
    if not given:
        raise click.UsageError("Missing argument 'INPUTS...'; or give --stream or --mic SECONDS.")
    if len(given) > 1:
        raise ParamsError(f"{' and '.join(given)}: sound comes from one of them; leave the others out")
    if rate is not None and not stream:
        raise ParamsError(f"--rate {rate}: is of --stream; recordings say their own")


def stream_question(
    windows: "Windows | None", form: str | None, out: Path | None, rate: int | None, least: float
) -> Ask:
    """What to ask a model of a stream.

    Raises:
        ParamsError: no windows are given, or answers are wanted in another format or in a file.
    """
    from pipeline.errors import ParamsError

    if windows is None:
        raise ParamsError("--stream: give the windows, as --window 3 --hop 1")
    if form not in (None, "jsonl"):
        raise ParamsError(f"--format {form}: --stream writes JSON lines; leave it out")
    if out is not None:
        raise ParamsError(f"--out {out}: --stream writes to standard output; redirect it, as with > {out}")
    return lambda model: _answer_stream(model, rate, windows, least)


def _answer_stream(model: "Loaded[Any]", rate: int | None, windows: "Windows", least: float) -> None:
    """Write a line of JSON for each window of standard input; at the end, say how long they took."""
    from pipeline.errors import UserError
    from pipeline.serving.answers import json_line
    from pipeline.serving.standard_input import NAME
    from pipeline.serving.streaming import PCMStream, warmed_up
    from pipeline.serving.tasks import task_of

    task = task_of(model.source, least)
    if sys.stdin.isatty():
        raise UserError(f"{NAME}: is a terminal; pipe samples in, as `arecord -f S16_LE -r 16000 -t raw` gives")
    stream = PCMStream(cast("Pipe", sys.stdin.buffer), rate)
    warmed_up(model, windows)
    try:
        for answer in stream.answers(model, windows, least):
            click.echo(json_line(answer, task), nl=False)
        if stream.cut_short:
            warn([f"{NAME}: ended within a sample; its last byte is left out"])
    except BrokenPipeError:  # who reads has heard enough
        _forget_output()
    except KeyboardInterrupt:
        interrupts.report("interrupted; the stream was heard up to here")
        click.get_current_context().exit(interrupts.EXIT_CODE)
    finally:
        if stream.latencies:
            click.echo(stream.account(), err=True)


def _forget_output() -> None:
    """Turn standard output to nowhere: what is left of it would fail again when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def mic_question(seconds: float, windows: "Windows | None", form: str | None, out: Path | None, least: float) -> Ask:
    """What to ask a model of a recording that is still to be made.

    Raises:
        UserError: there is no microphone, or nothing can be written to `out`.
    """
    from pipeline import paths
    from pipeline.serving.microphone import Microphone

    if out is not None:
        paths.check_writable("--out", out, [])
    microphone = Microphone()
    return lambda model: _answer_microphone(model, microphone, seconds, windows, form or "csv", out, least)


def _answer_microphone(
    model: "Loaded[Any]",
    microphone: "Microphone",
    seconds: float,
    windows: "Windows | None",
    form: str,
    out: Path | None,
    least: float,
) -> None:
    """Record, and write what is said of it as of a file."""
    from pipeline.serving.answers import text_grid, text_of
    from pipeline.serving.audible import is_silent, silence
    from pipeline.serving.microphone import KEY
    from pipeline.serving.tasks import task_of

    task = task_of(model.source, least)
    samples = microphone.recorded(seconds, lambda left: click.echo(f"\rspeak: {left} s ", nl=False, err=True))
    click.echo("\rrecorded     ", err=True)
    warn([silence(KEY)] if windows is None and is_silent(samples) else [])
    answers = _heard(model, samples, microphone.rate, windows, least)
    grid = form == "textgrid"
    text = text_grid(answers, task, len(samples) / microphone.rate) if grid else text_of(answers, task, form)
    write_output(text, out)


def _heard(model: "Loaded[Any]", samples: Any, rate: int, windows: "Windows | None", least: float) -> list[Any]:
    """What is said of samples at a rate (Hz)."""
    from pipeline.serving.microphone import KEY
    from pipeline.serving.over_time import over_time
    from pipeline.serving.tasks import task_of

    if windows is not None:
        return [*over_time(model, KEY, samples, rate, windows, least)]
    return [task_of(model.source, least).answer(KEY, model.of_whole(samples, rate))]
