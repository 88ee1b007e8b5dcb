"""The exit code of every `ser bench`: whether targets are met, and all was run."""

import pytest
from click.testing import CliRunner

from pipeline.bench import arithmetic, features, scale, starts, store, timing, train
from pipeline.bench.timing import Figure, Skipped
from pipeline.cli import main

SLOW = Figure("part", "speed", 4, "times", at_least=5)
FAST = Figure("part", "speed", 6, "times", at_least=5)
WRONG = Figure("part", "values", 2, "", below=1, check=True)
COMMANDS = ["store", "train", "features", "ssl", "scale", "arithmetic", "starts"]


@pytest.fixture
def bench(monkeypatch):
    """Runs a command of `ser bench` whose parts give some figures, or cannot be run."""

    def run(command, gives, *options):
        def part(*_):
            if isinstance(gives, Exception):
                raise gives
            return gives

        for module in (store, train, features, starts):
            monkeypatch.setattr(module, "PARTS", {"ssl": part})
        for name in ("stages", "adding", "limited"):
            monkeypatch.setattr(scale, name, part)
        monkeypatch.setattr(arithmetic, "operations", lambda *_: arithmetic.Run({}, {}))
        monkeypatch.setattr(arithmetic, "FORCED", {})
        monkeypatch.setattr(arithmetic, "price", part)
        return CliRunner().invoke(main, ["bench", command, *options])

    return run


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("figures", "options", "code", "said"),
    [
        ([FAST], [], 0, "All met."),
        ([FAST, SLOW], [], 1, "missed: part, speed"),
        ([FAST, SLOW], ["--quick"], 0, "too small to compare"),
        ([WRONG], ["--quick"], 1, "missed: part, values"),
    ],
)
def test_a_missed_target_is_the_exit_code(bench, command, figures, options, code, said):
    done = bench(command, figures, *options)
    assert done.exit_code == code, done.output
    assert said in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("command", ["store", "features", "ssl", "scale", "starts"])
@pytest.mark.parametrize("options", [[], ["--quick"]])
def test_so_is_a_part_that_cannot_be_run(bench, command, options):
    done = bench(command, Skipped("no disk here"), *options)
    assert done.exit_code == 1, done.output
    assert "not run: no disk here" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("not run: ")


def test_what_was_not_asked_for_is_no_matter(bench):
    done = bench("arithmetic", [FAST])
    assert done.exit_code == 0
    assert "emulated: not run: give --emulated" in done.stdout


def test_what_is_asked_for_and_cannot_be_run_is(bench, monkeypatch):
    monkeypatch.setattr(arithmetic.shutil, "which", lambda _: None)
    done = bench("arithmetic", [FAST], "--emulated")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1] == "not run: emulated"


def test_the_help_says_so():
    assert "Exit code 1" in CliRunner().invoke(main, ["bench", "--help"]).output


def test_a_figure_without_a_target_is_never_missed():
    assert timing.all_met([Figure("part", "size", 3, "MB", about=1)], {}, False, lambda _: None)
