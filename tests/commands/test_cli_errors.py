"""What a user sees of a mistake, through the real commands."""

import resource
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner
from conftest import REPOSITORY, tone

from pipeline import paths
from pipeline.audio.audio_file import prepare_corpus
from pipeline.cli import main
from pipeline.config.document import load
from pipeline.corpora import listing, manifest
from pipeline.errors import UserError

STAGES = sorted(path.stem for path in (REPOSITORY / "stages").glob("[a-z]*.py"))


@pytest.fixture
def fails(project):
    """Run a stage that must fail: one line with these words, no traceback, and the folder as it was."""

    def fails(stage, *arguments, says, code=1):
        before = project.files()
        done = project.run(f"stages.{stage}", *arguments)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert done.stderr.startswith("error: ")
        assert len(done.stderr.splitlines()) == 1, done.stderr
        for words in [says] if isinstance(says, str) else says:
            assert words in done.stderr
        assert project.files() == before

    return fails


def make_manifest(project):
    settings = load().corpora["mine"]
    rows = listing.build("mine", settings)
    manifest.write(paths.manifest("mine"), rows)
    return settings.root, rows


def make_audio(project):
    root, rows = make_manifest(project)
    prepare_corpus({row.key: root / row.wav for row in rows}, paths.audio("mine"), "mine")


def test_the_commands_run_without_mistakes(project):
    said = project.run("stages.manifest", "mine")
    warning = "warning: mine: recordings out of the ordinary: 6 short; metrics/corpora/mine.json names them\n"
    assert (said.returncode, said.stderr) == (0, warning)
    assert said.stdout.startswith("mine: 9 utterances, 3 speakers, 2 s\n")
    for stage, arguments in (("audio", ["mine"]), ("copies", ["loud"])):
        done = project.run(f"stages.{stage}", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
    made = [name for name in project.files() if not name.startswith("recordings/")]
    assert made == [
        "data/audio/loud/16k.h5",
        "data/audio/loud/48k.h5",
        "data/audio/mine/16k.h5",
        "data/audio/mine/48k.h5",
        "data/manifests/mine.jsonl",
        "metrics/corpora/mine.json",
        "params.yaml",
    ]


# Recordings


def test_unreadable_recording(project, fails):
    project.recordings[4].write_bytes(b"this is no sound" * 100)
    fails("manifest", "mine", says="recordings/happy/ben_1.wav: cannot be read as audio")


def test_empty_recording_leaves_the_old_manifest(project, fails):
    assert project.run("stages.manifest", "mine").returncode == 0
    project.recordings[0].write_bytes(b"")
    fails("manifest", "mine", says="recordings/angry/anna_1.wav: is empty")


def test_missing_corpus_folder(project, fails):
    project.edit("root: recordings", "root: recordinks")
    fails("manifest", "mine", says="corpus folder 'recordinks' does not exist")


def test_folder_without_audio(project, fails):
    for path in project.recordings:
        path.rename(path.with_suffix(".aiff"))
    fails("manifest", "mine", says=["corpus folder 'recordings' has no audio file", ".wav"])


def test_unknown_emotion_code(project, fails):
    (project.folder / "recordings/sad").rename(project.folder / "recordings/zad")
    says = ["recordings/zad/anna_1.wav: unknown emotion code 'zad' (did you mean 'sad'?)", "corpora.mine.emotions"]
    fails("manifest", "mine", says=says)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_recording_cut_short(project, fails, suffix):
    path = project.recordings[8].with_suffix(f".{suffix}")
    project.recordings[8].unlink()
    soundfile.write(path, tone(0.5), 16000)
    make_manifest(project)
    path.write_bytes(path.read_bytes()[:2000])
    fails("audio", "mine", says=f"recordings/sad/cleo_1.{suffix}: ")


def test_recording_gone_since_the_manifest_was_made(project, fails):
    make_manifest(project)
    project.recordings[3].unlink()
    fails("audio", "mine", says="recordings/happy/anna_1.wav: cannot be read as audio")


# Params


@pytest.mark.parametrize("stage", ["manifest", "train", "demo"])
def test_misspelt_param(project, fails, stage):
    project.edit("n_mfcc: 12", "n_mfc: 12")
    arguments = ["x", "out"] if stage == "demo" else ["x"]
    fails(
        stage, *arguments, says="params.yaml: features.mfcc.cepstra.n_mfc: unknown key (did you mean 'n_mfcc'?)", code=2
    )


def test_wrong_type(project, fails):
    project.edit("bootstrap: 100", "bootstrap: many")
    fails("evaluate", says=["params.yaml: scoring.bootstrap: ", "it is 'many'"], code=2)


def test_misspelt_system_param(project, fails):
    project.edit("params: {epochs: 1}", "params: {epoch: 1}")
    says = "params.yaml: experiments.spectrogram.picture.params.epoch: unknown key (did you mean 'epochs'?)"
    fails("train", "picture", says=says, code=2)
    result = ser("check")
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_no_params(project, fails):
    project.params.unlink()
    fails("audio", "mine", says="params.yaml: not found; run the command in the project's folder", code=2)


# Names


@pytest.mark.parametrize(
    ("stage", "arguments", "says"),
    [
        ("manifest", ["mein"], "corpora has no entry 'mein' (did you mean 'mine'?); known: mine"),
        ("audio", ["yours"], "corpora has no entry 'yours'; known: mine"),
        ("copies", ["lout"], "copies has no entry 'lout' (did you mean 'loud'?); known: loud"),
        ("demo", ["spokn", "out"], "demo has no entry 'spokn' (did you mean 'spoken'?)"),
        ("features", ["features", "mine", "cepstrum"], "no feature or embedding 'cepstrum' (did you mean 'cepstra'?)"),
        ("train", ["statistic"], "unknown experiment 'statistic' (did you mean 'statistics'?)"),
        ("fuse", ["bth"], "fusions has no entry 'bth' (did you mean 'both'?)"),
    ],
)
def test_unknown_names(fails, stage, arguments, says):
    fails(stage, *arguments, says=says, code=2)


@pytest.mark.parametrize(
    ("section", "name", "right"), [("features", "tiny", "embeddings"), ("embeddings", "cepstra", "features")]
)
def test_an_entry_of_the_other_section(project, fails, section, name, right):
    make_audio(project)
    says = f"{name!r} is an entry of {right}, not of {section}; run with {right} mine {name}"
    fails("features", section, "mine", name, says=says, code=2)


def test_wrong_section_is_a_usage_error(project):
    done = project.run("stages.features", "feature", "mine", "mel")
    assert done.returncode == 2
    assert "'feature' is not one of 'features', 'embeddings'" in done.stderr
    assert "Traceback" not in done.stderr


# Files that a stage before should have made


@pytest.mark.parametrize(
    ("stage", "arguments", "says"),
    [
        ("audio", ["mine"], "data/manifests/mine.jsonl: no such manifest; `dvc repro` makes it"),
        ("copies", ["loud"], "data/audio/mine/48k.h5: no such feature file; `dvc repro` makes it"),
        ("features", ["features", "mine", "cepstra"], "data/audio/mine/16k.h5: no such feature file"),
        ("features", ["features", "yours", "cepstra"], "data/audio/yours/16k.h5: no such feature file"),
        ("train", ["statistics"], "data/manifests/mine.jsonl: no such manifest"),
        ("fuse", ["both"], "data/predictions/statistics"),
        ("evaluate", [], "data/manifests/mine.jsonl: no such manifest"),
    ],
)
def test_missing_upstream_file(fails, stage, arguments, says):
    fails(stage, *arguments, says=says)


def test_damaged_upstream_files(project, fails):
    make_audio(project)
    clean = paths.audio("mine") / "48k.h5"
    clean.write_bytes(clean.read_bytes()[:-50])
    fails("copies", "loud", says="data/audio/mine/48k.h5: damaged feature file")
    lines = paths.manifest("mine").read_text(encoding="utf-8").splitlines()
    paths.manifest("mine").write_text("\n".join([lines[0], lines[1][:40]]), encoding="utf-8")
    fails("audio", "mine", says="data/manifests/mine.jsonl, line 2: not a manifest row")


# The ser command


def ser(*arguments):
    return CliRunner().invoke(main, arguments)


def test_ser_features_lists_extractors_and_their_params():
    result = ser("features")
    assert result.exit_code == 0
    for words in ("logmel (version ", "mfcc (version ", "prosody (version ", "ssl (version "):
        assert words in result.stdout
    assert "  n_mfcc = 13: number of cepstral coefficients" in result.stdout
    assert "  clip = none: longer utterances are cut to this length (s)" in result.stdout
    assert "  energy = false: " in result.stdout


def test_ser_inspect_says_what_a_file_holds(project):
    make_audio(project)
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
    make_audio(project)
    damage(Path("data/audio/mine/16k.h5"))
    result = ser("inspect", "data/audio/mine/16k.h5")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: data/audio/mine/16k.h5: {message}")
    assert len(result.stderr.splitlines()) == 1


def test_ser_check_takes_the_projects_file(project):
    assert ser("check").stdout == "params.yaml is valid: 1 corpora, 3 experiments, 1 fusions\n"
    project.edit("seed: 0", "seed: x")
    assert ser("check").exit_code == 2


def test_ser_helps():
    result = ser("--help")
    assert result.exit_code == 0
    for command in ("check", "features", "inspect"):
        assert f"\n  {command} " in result.stdout
        assert ser(command, "--help").exit_code == 0


# Options


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

    module = import_module(f"pipeline.bench.{part}")
    monkeypatch.setattr(module, "measure" if part == "train" else "run", measure)
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
def test_predictions_that_cannot_be_written_are_known_before_computing(project, monkeypatch, out, says):
    monkeypatch.setattr("pipeline.serving.prediction.find_models", lambda name, fusions: ([], None))
    before = project.files()
    result = ser("predict", "statistics", "recordings", "--out", out)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"error: --out {out}: {says}\n"
    assert project.files() == before


def test_a_place_for_output(tmp_path):
    paths.check_writable("--out", tmp_path / "new/folder/file.csv")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match=r"^--out .*: is a folder; name a file$"):
        paths.check_writable("--out", tmp_path)


# Starting fast


@pytest.mark.parametrize("module", [*(f"stages.{stage}" for stage in STAGES), "pipeline.cli"])
def test_help_is_quick(project, module):
    """In processor time, which other work on the machine changes little."""
    seconds = []
    while len(seconds) < 3 and not (seconds and min(seconds) < 1):
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = project.run(module, "--help")
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Usage: ")
    assert min(seconds) < 1


def test_help_imports_nothing_heavy():
    names = ["pipeline.cli", *(f"stages.{stage}" for stage in STAGES)]
    code = (
        f"import sys, {', '.join(names)}\n"
        "print(*{'torch', 'transformers', 'sklearn', 'librosa', 'skorch', 'matplotlib'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
