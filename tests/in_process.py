"""The commands in the tests' own process, which is many times as fast as a new one for each."""

from importlib import import_module

from click.testing import CliRunner

from pipeline import paths
from pipeline.audio.audio_file import prepare_corpus
from pipeline.audio.samples import RATES
from pipeline.cli import main
from pipeline.config.document import load
from pipeline.corpora import listing, manifest


def _ended(result):
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def ser(*arguments):
    """Run `ser`."""
    return _ended(CliRunner().invoke(main, arguments))


def stage(name, *arguments):
    """Run `python -m stages.NAME`."""
    return _ended(CliRunner().invoke(import_module(f"stages.{name}").main, arguments))


def failing_stage(project, name, *arguments, code=1):
    """Run a stage that must fail: the one line that it says; the folder is as it was."""
    before = project.files()
    result = stage(name, *arguments)
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert project.files() == before
    return line.removeprefix("error: ")


def make_manifest():
    """The manifest of `mine`; its root and rows."""
    settings = load().corpora["mine"]
    rows = listing.read("mine", settings).rows
    manifest.write(paths.manifest("mine"), rows)
    return settings.root, rows


def make_audio():
    """The audio of `mine`, at both rates."""
    root, rows = make_manifest()
    files = {paths.audio("mine", name): rate for name, rate in RATES.items()}
    prepare_corpus({row.key: root / row.wav for row in rows}, files, "mine")
