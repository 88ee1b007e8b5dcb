"""The `ser` command: its subcommands, what a user sees of a mistake in their options, and how fast they start."""

import resource
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from conftest import REPOSITORY
from in_process import make_audio, ser

from pipeline import paths
from pipeline.cli import COMMANDS
from pipeline.errors import UserError

STAGES = sorted(path.stem for path in (REPOSITORY / "stages").glob("[a-z]*.py"))
NO_COMMANDS = {"__init__", "command", "options", "checked", "given", "model_options", "live_sound"}
"""modules of pipeline/commands that commands share"""


# --- subcommands ---


def test_every_module_of_commands_is_a_command_and_the_other_way_round():
    modules = {path.stem for path in (REPOSITORY / "pipeline/commands").glob("*.py")}
    assert set(COMMANDS) == modules - NO_COMMANDS
    assert modules > NO_COMMANDS


def test_help_lists_the_commands():
    for option in ("--help", "-h"):
        result = ser(option)
        assert (result.exit_code, result.stderr) == (0, "")
        listed = [
            line.split()[0] for line in result.stdout.partition("Commands:")[2].splitlines() if line[2:3].isalpha()
        ]
        assert listed == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    for option in ("--help", "-h"):
        result = ser(command, option)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith(f"Usage: main {command} ")
        assert len(result.stdout.splitlines()) > 4


def test_a_command_that_there_is_not():
    result = ser("check")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "No such command 'check'" in result.stderr


def test_the_version():
    from pipeline import __version__

    assert ser("--version").stdout == f"ser, version {__version__}\n"


# --- what it lists ---


def test_ser_features_lists_extractors_and_their_params():
    result = ser("features")
    assert result.exit_code == 0
    for words in ("logmel (version ", "mfcc (version ", "prosody (version ", "ssl (version "):
        assert words in result.stdout
    assert "  n_mfcc = 13: number of cepstral coefficients" in result.stdout
    assert "  clip = none: longer utterances are cut to this length (s)" in result.stdout
    assert "  energy = false: " in result.stdout


def test_ser_inspect_says_what_a_file_holds(project):
    make_audio()
    result = ser("inspect", "data/audio/mine/16k.h5")
    assert (result.exit_code, result.stderr) == (0, "")
    said = {line[:18].strip(): line[19:] for line in result.stdout.splitlines()}
    assert (said["schema"], said["corpus"], said["extractor"]) == ("ser-features/1", "mine", "audio, version 1")
    assert (said["params"], said["frame rate"]) == ('{"sample_rate":16000}', "16000 Hz, the first at 0 s")
    assert (said["utterances"], said["stream values"]) == ("9", "int16, 1 dims")
    assert said["frames"] == "28800 in all, 1600 to 4800 an utterance"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "damaged feature file"),
        (lambda path: path.write_bytes(b""), "is empty; not a feature file"),
        (lambda path: path.unlink(), "no such feature file"),
    ],
)
def test_ser_inspect_of_a_bad_file(project, damage, message):
    make_audio()
    damage(Path("data/audio/mine/16k.h5"))
    result = ser("inspect", "data/audio/mine/16k.h5")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: data/audio/mine/16k.h5: {message}")
    assert len(result.stderr.splitlines()) == 1


# --- options ---


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--batch-seconds", "nan"], "Error: Invalid value for '--batch-seconds': nan is not a finite number."),
        (["--batch-seconds", "inf"], "Error: Invalid value for '--batch-seconds': inf is not in the range"),
        (["--set", "n_mfcc=20", "--set", "n_mfcc=30"], "error: --set 'n_mfcc=30': n_mfcc is given twice; give it once"),
        (["--set", "n_mfcc=2024-99-99"], "error: --set n_mfcc: not valid YAML: '2024-99-99' is no valid timestamp"),
        (["--set", "pad_to=1e9"], "error: mfcc.pad_to: input should be less than or equal to 3600; it is 1000000000.0"),
        (["--set", "n_fft=1000000000"], "error: mfcc.n_fft: should be at most 65536 samples; it is 1000000000"),
        (["--set", "n_mels=1000000000"], "error: mfcc: n_mels 1000000000 is more than the 1025 frequencies of n_fft"),
    ],
)
def test_options_of_ser_extract(project, arguments, says):
    before = project.files()
    result = ser("extract", "mfcc", "recordings", "--out", "new/out.h5", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1].startswith(says)
    assert project.files() == before


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("params.yaml/x.json", "nothing can be written there (Not a directory); give another"),
        ("/proc/x/y.json", "nothing can be written there ("),
    ],
)
@pytest.mark.parametrize("part", ["store", "train", "features"])
def test_a_report_that_cannot_be_written_is_known_before_measuring(project, monkeypatch, part, path, says):
    def measure(*arguments):
        raise AssertionError("it measures")

    module = import_module("pipeline.bench.features" if part == "features" else "pipeline.bench.parts")
    monkeypatch.setattr(module, "run", measure)
    result = ser("bench", part, "--quick", "--json", path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: --json {path}: {says}")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("params.yaml/x.csv", "nothing can be written there (Not a directory); give another"),
        ("recordings/../recordings/sad/anna_1.wav", "is one of the inputs; give another name"),
    ],
)
def test_predictions_that_cannot_be_written_are_known_before_computing(project, out, says):
    before = project.files()
    result = ser("predict", "statistics", "recordings", "--out", out)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"error: --out {out}: {says}\n"
    assert project.files() == before


@pytest.mark.parametrize("out", ["model/new.csv", "model/model.json", "elsewhere/../model/model.json"])
@pytest.mark.parametrize(("command", "option"), [("predict", "--out"), ("embed", "--to")])
def test_nothing_is_written_into_a_model(project, out, command, option):
    (project.folder / "model").mkdir()
    (project.folder / "model/model.json").write_text("{}")
    out = out if command == "predict" else f"{out}.npy"
    before = project.files()
    result = ser(command, "model", "recordings", option, out)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"error: {option} {out}: would change the model model; give another name\n"
    assert project.files() == before


def test_an_archive_is_not_written_over(project):
    (project.folder / "model.zip").write_bytes(b"PK")
    (project.folder / "link.csv").symlink_to("model.zip")
    for out in ("model.zip", "link.csv"):
        result = ser("predict", "model.zip", "recordings", "--out", out)
        assert result.stderr == f"error: --out {out}: would change the model model.zip; give another name\n"


def test_a_place_for_output(tmp_path):
    paths.check_writable("--out", tmp_path / "new/folder/file.csv")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match=r"^--out .*: is a folder; name a file$"):
        paths.check_writable("--out", tmp_path)


# --- starting fast ---


def processor_time(run):
    """Seconds of the processor that what a function starts takes, and what the function gives."""
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run()
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime, done


@pytest.mark.parametrize("module", [*(f"stages.{stage}" for stage in STAGES), "pipeline.cli"])
def test_help_is_quick(project, module):
    """In processor time, which other work changes little; on a slow machine, against what its libraries take alone."""
    libraries, seconds = [sys.executable, "-c", "import numpy, pydantic, click, yaml"], []
    while len(seconds) < 3 and not (seconds and min(seconds) < 1):
        alone, _ = processor_time(lambda: subprocess.run(libraries, check=True))
        taken, done = processor_time(lambda: project.run(module, "--help"))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Usage: ")
        seconds.append(taken / max(1, 4 * alone))
    assert min(seconds) < 1


def test_help_imports_nothing_heavy():
    names = ["pipeline.cli", *(f"stages.{stage}" for stage in STAGES)]
    code = (
        f"import sys, {', '.join(names)}\n"
        "print(*{'torch', 'transformers', 'sklearn', 'librosa', 'skorch', 'matplotlib'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
