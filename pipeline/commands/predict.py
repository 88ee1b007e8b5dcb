"""`ser predict`: emotions, or numbers, of new recordings."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.commands.live_sound import check_sources, live_options, mic_question, stream_question
from pipeline.commands.model_options import model_options
from pipeline.commands.options import FiniteRange, end_without, skip_bad_option, warn, write_output

if TYPE_CHECKING:
    from pipeline.audio.segments import Source
    from pipeline.serving.answers import Task
    from pipeline.serving.value_model import AnyModel
    from pipeline.serving.windows import Windows


@click.command(cls=Command)
@click.argument("model")
@click.argument("inputs", type=click.Path(path_type=Path, allow_dash=True), nargs=-1)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File, or of TextGrids a folder or NAME.TextGrid; default: standard output.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "table", "json", "jsonl", "textgrid"]),
    help="table is for people, textgrid for Praat; default: csv, and jsonl of a stream.",
)
@click.option("--window", type=float, help="Emotions over time: length of a window (s); default: the whole recording.")
@click.option("--hop", type=float, help="From the beginning of a window to that of the next (s); default: a window.")
@click.option(
    "--voice-activity",
    type=click.Choice(["energy", "webrtc", "none"]),
    help="What tells whether anybody speaks in a window (energy); webrtc needs the extra vad.",
)
@click.option(
    "--abstain-below",
    "least",
    type=FiniteRange(0, 1),
    default=0.0,
    help="Name no emotion where the likeliest has a lower probability.",
)
@live_options
@model_options
@skip_bad_option
@click.option("--workers", type=click.IntRange(1), help="Worker processes (SER_WORKERS; default: all cores).")
@click.option("--no-cache", is_flag=True, help="Compute all, and keep no answers (SER_CACHE, SER_CACHE_MB).")
def predict(
    model: str,
    inputs: tuple[Path, ...],
    out: Path | None,
    form: str | None,
    window: float | None,
    hop: float | None,
    voice_activity: str | None,
    least: float,
    stream: bool,
    rate: int | None,
    mic: float | None,
    ssl_model: Path | None,
    download: bool,
    device: str | None,
    skip_bad: bool,
    workers: int | None,
    no_cache: bool,
) -> None:
    """Predict emotions, or numbers, of INPUTS with a trained MODEL.

    INPUTS are files, folders, a manifest (.jsonl), a table (.csv), or -. A table has a column `path`, and perhaps
    `speaker`; - is a WAV on standard input. Instead of INPUTS, --stream hears standard input while it comes, and --mic
    records.

    MODEL is what `ser export` made, a folder or a .zip, as exports/NAME. Probabilities are the mean over its models,
    where it has one of each fold; the entropy (bits) says how much they are spread. Windows in which nobody speaks (a
    share of voice below 0.1 in the column `voiced`) have no emotion. A model of numbers (`targets`) gives a column for
    each, on the scale of its training, and nothing else. In CSV, a key that a spreadsheet would take for a
    formula has a ' before it.

    Answers are kept in SER_CACHE (default: ~/.cache/ser, 200 MB), so that the same recording asked about twice computes
    nothing; not those of a model that standardises by statistics of several recordings, where one depends on the rest.
    """
    from pipeline.audio.segments import as_segment
    from pipeline.serving import recordings
    from pipeline.serving.answer_cache import usual_cache
    from pipeline.serving.asking import Question, check_grids, in_folder
    from pipeline.serving.audible import silent
    from pipeline.serving.backbones import backbones_here
    from pipeline.serving.export_reading import opened_model
    from pipeline.serving.known_answers import known_or_new
    from pipeline.serving.own_statistics import remarks
    from pipeline.serving.standard_input import by_name, with_standard_input
    from pipeline.serving.tasks import task_of

    windows, cache = _windows(window, hop, voice_activity), None if no_cache else usual_cache()
    check_sources(inputs, stream, rate, mic)
    if out is not None:
        paths.check_apart("--out", out, Path(model))
    if windows is not None and windows.hop > windows.window:
        warn([f"--hop {hop:g}: is longer than --window {window:g}; what is between windows is not heard"])
    if stream or mic is not None:
        from pipeline.serving.loading import loaded

        live = (
            stream_question(windows, form, out, rate, least)
            if mic is None
            else mic_question(mic, windows, form, out, least)
        )
        with opened_model(model) as source:
            _describe(source)
            live(loaded(source, backbones_here(ssl_model, download), device))
        return
    form = form or "csv"
    with with_standard_input(inputs) as given:
        found = recordings.find(given)
        if form == "textgrid":
            check_grids(out, len(found))
        if out is not None and not (form == "textgrid" and in_folder(out)):
            paths.check_writable("--out", out, [*given, *(as_segment(source).path for source in found.values())])
        warn(recordings.unread(given))
        allowed = backbones_here(ssl_model, download)
        question = Question(windows, least, recordings.speakers(given), device, workers, allowed)
        with opened_model(model) as source:
            task = task_of(source, least)
            _describe(source)
            (quiet, reply), bad = recordings.without_bad(
                found,
                recordings.missing(given),
                skip_bad,
                lambda files: (silent(files, workers), known_or_new(cache, question, source, files)),
            )
            warn(by_name(line, inputs, given) for line in quiet if windows is None)
            if reply.known is not None:
                click.echo(f"known from before: {reply.known} of {len(found) - len(bad)} recordings", err=True)
            warn([reply.warning] if reply.warning else [])
            warn(remarks(source.leaves(), [answer.key for answer in reply.answers], question.speakers))
            _write(reply.answers, task, found, form, out)
    end_without({key: by_name(line, inputs, given) for key, line in bad.items()})


def _describe(source: "AnyModel") -> None:
    from pipeline.errors import printable

    for line in source.described():
        click.echo(printable(line), err=True)


def _windows(window: float | None, hop: float | None, voice_activity: str | None) -> "Windows | None":
    from pipeline.errors import ParamsError
    from pipeline.serving.windows import Windows

    if window is None and hop is not None:
        raise ParamsError(f"--hop {hop}: is the step from window to window; give --window, too")
    if window is None and voice_activity is not None:
        raise ParamsError(f"--voice-activity {voice_activity}: is told of windows; give --window, too")
    return None if window is None else Windows(window, window if hop is None else hop, voice_activity or "energy")


def _write(answers: list[Any], task: "Task[Any]", found: "dict[str, Source]", form: str, out: Path | None) -> None:
    from pipeline.serving.answers import text_of
    from pipeline.serving.asking import grids, in_folder, write_grids

    if form == "textgrid":
        texts = grids(answers, task, found)
        if out is not None and in_folder(out):
            write_grids(texts, out)
            return
        text = "".join(texts.values())
    else:
        text = text_of(answers, task, form)
    write_output(text, out)
