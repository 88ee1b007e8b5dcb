"""`ser extract`: features of any recordings, outside DVC."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.command import Command
from pipeline.commands.options import FiniteRange, end_without, skip_bad_option, warn, worker_options

if TYPE_CHECKING:
    from pipeline.audio.segments import Source


@click.command(cls=Command)
@click.argument("extractor")
@click.argument("inputs", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Feature file to make or bring up to date.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A param, or preset=NAME; repeatable.")
@click.option("--device", help="torch device of a model (SER_DEVICE; default: a GPU where there is one).")
@click.option("--batch-seconds", type=FiniteRange(0, 86400, min_open=True), help="Audio in one batch (s).")
@click.option("--compression", type=click.Choice(["gzip", "lzf"]), help="Smaller file, slower to read.")
@skip_bad_option
@worker_options
def extract(
    extractor: str,
    inputs: tuple[Path, ...],
    out: Path,
    settings: tuple[str, ...],
    device: str | None,
    batch_seconds: float | None,
    compression: str | None,
    skip_bad: bool,
    workers: int | None,
    cluster: str | None,
) -> None:
    """Extract the feature EXTRACTOR of files, folders or a manifest (.jsonl), outside DVC.

    Keys are paths relative to the given folder without suffix, the stem of a single file, or the manifest's. Recordings
    that OUT already has are not computed again.
    """
    from pipeline.errors import ParamsError
    from pipeline.extraction.extraction import Summary
    from pipeline.extraction.recipe import extract_recordings, make_extractor
    from pipeline.features import find_extractor
    from pipeline.features.presets import resolve
    from pipeline.jobs.devices import device_names
    from pipeline.jobs.workplace import Workplace
    from pipeline.serving import recordings
    from pipeline.strict import validate

    cls = find_extractor(extractor)
    params = validate(cls.Params, resolve(extractor, _assignments(settings), extractor), extractor)
    files = recordings.find(inputs)
    recordings.check_output(out, files, extractor)
    warn(recordings.unread(inputs))
    if device not in (None, "cpu") and not (cls.uses_device or cls.uses_torch):
        raise ParamsError(f"--device {device}: {extractor} is computed on the CPU; leave the option out")
    workplace = Workplace(workers, cluster, tuple(device_names(device)) if device else ())
    feature = make_extractor(cls, params, workplace)
    if batch_seconds is not None:
        feature.batch_seconds = batch_seconds

    def work(files: "Mapping[str, Source]") -> Summary:
        return extract_recordings({out: feature}, files, inputs[0].resolve().stem, workplace, compression)[0]

    summary, bad = recordings.without_bad(files, recordings.missing(inputs), skip_bad, work)
    click.echo(f"{out}: {summary}")
    end_without(bad)


def _assignments(settings: tuple[str, ...]) -> dict[str, Any]:
    """Values given as KEY=VALUE, read as YAML."""
    from pipeline.config.strict_yaml import parse
    from pipeline.errors import ParamsError

    values: dict[str, Any] = {}
    for setting in settings:
        key, mark, text = setting.partition("=")
        if not mark or not key:
            raise ParamsError(f"--set {setting!r}: expected KEY=VALUE, as n_mels=64")
        if key in values:
            raise ParamsError(f"--set {setting!r}: {key} is given twice; give it once")
        values[key] = parse(text, f"--set {key}")
    return values
