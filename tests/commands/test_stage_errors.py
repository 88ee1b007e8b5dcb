"""What a user sees of a mistake when a stage runs: one line, and nothing written."""

import re

import pytest
import soundfile
from conftest import tone
from in_process import failing_stage, make_audio, make_manifest

from pipeline import paths


@pytest.fixture
def fails(project):
    """Run a stage that must fail, with these words."""

    def fails(stage, *arguments, says, code=1):
        line = failing_stage(project, stage, *arguments, code=code)
        for words in [says] if isinstance(says, str) else says:
            assert words in line

    return fails


@pytest.mark.slow
def test_the_stages_run_without_mistakes(project):
    said = project.run("stages.manifest", "mine")
    warning = "warning: mine: recordings out of the ordinary: 6 short; metrics/corpora/mine.json names them\n"
    assert (said.returncode, said.stderr) == (0, warning)
    assert said.stdout.startswith("mine: 9 utterances, 3 speakers, 2 s\n")
    for stage, arguments, says in (
        ("audio", ["mine", "16k", "48k"], "mine: 9 utterances at 16 kHz and 48 kHz\n"),
        ("copies", ["loud", "16k"], "loud: 9 utterances, 2 copies of each\n"),
        ("features", ["mine", "cepstra"], "cepstra of mine: computed 9, reused 0; data/features/mine/cepstra.h5\n"),
    ):
        done = project.run(f"stages.{stage}", *arguments)
        others = [
            line for line in done.stderr.splitlines() if not line.endswith(" s left")
        ]  # progress, where it is slow
        assert (done.returncode, done.stdout, others) == (0, says, [])
    made = [name for name in project.files() if not name.startswith("recordings/")]
    assert made == [
        "data/audio/loud/16k.h5",
        "data/audio/mine/16k.h5",
        "data/audio/mine/48k.h5",
        "data/audio/mine/sources.json",
        "data/features/mine/cepstra.h5",
        "data/manifests/mine.examined.safetensors",
        "data/manifests/mine.fingerprints.safetensors",
        "data/manifests/mine.jsonl",
        "metrics/corpora/mine.json",
        "params.yaml",
    ]


@pytest.mark.slow
def test_a_mistake_as_dvc_sees_it(project):
    """From a process of its own: the exit code, and one line without a traceback."""
    project.edit("n_mfcc: 12", "n_mfc: 12")
    done = project.run("stages.manifest", "mine")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error: params\.yaml:10: features\.cepstra\.n_mfc: unknown key .*\n", done.stderr)


# --- recordings ---


def test_unreadable_recording(project, fails):
    project.recordings[4].write_bytes(b"this is no sound" * 100)
    fails("manifest", "mine", says="recordings/happy/ben_1.wav: cannot be read as audio")


def test_empty_recording_leaves_the_old_manifest(project, fails):
    make_manifest()
    project.recordings[0].write_bytes(b"")
    fails("manifest", "mine", says="recordings/angry/anna_1.wav: is empty")


def test_missing_corpus_folder(project, fails):
    project.edit("root: recordings", "root: recordinks")
    fails("manifest", "mine", says="corpus folder 'recordinks' does not exist")


def test_missing_corpus_folder_in_the_home_folder(project, fails, monkeypatch):
    project.edit("root: recordings", "root: ~/recordings")
    monkeypatch.setenv("HOME", "/nowhere")
    fails("manifest", "mine", says="corpus folder '/nowhere/recordings' does not exist")


def test_folder_without_audio(project, fails):
    for path in project.recordings:
        path.rename(path.with_suffix(".txt"))
    fails("manifest", "mine", says=["folder 'recordings' has no audio file", ".wav"])


def test_unknown_emotion_code(project, fails):
    (project.folder / "recordings/sad").rename(project.folder / "recordings/zad")
    says = ["recordings/zad/anna_1.wav: unknown emotion code 'zad' (did you mean 'sad'?)", "corpora.mine.emotions"]
    fails("manifest", "mine", says=says)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_recording_cut_short(project, fails, suffix):
    path = project.recordings[8].with_suffix(f".{suffix}")
    project.recordings[8].unlink()
    soundfile.write(path, tone(0.5), 16000)
    make_manifest()
    path.write_bytes(path.read_bytes()[:2000])
    fails("audio", "mine", "16k", "48k", says=f"recordings/sad/cleo_1.{suffix}: ")


def test_recording_gone_since_the_manifest_was_made(project, fails):
    make_manifest()
    project.recordings[3].unlink()
    fails("audio", "mine", "16k", says="recordings/happy/anna_1.wav: cannot be read as audio")


# --- params ---


@pytest.mark.parametrize(
    ("stage", "arguments"),
    [
        ("audio", ["mine", "16k"]),
        ("copies", ["loud", "16k"]),
        ("demo", ["spoken"]),
        ("evaluate", []),
        ("features", ["mine", "mel"]),
        ("fuse", ["both"]),
        ("manifest", ["mine"]),
        ("report", []),
        ("train", ["picture"]),
    ],
)
def test_params_with_a_mistake(project, fails, stage, arguments):
    """Wherever it stands: a stage runs on params that are right as a whole."""
    project.edit("bootstrap: 100", "bootstrap: many")
    fails(stage, *arguments, says="params.yaml:25: scoring.bootstrap: input should be a valid integer", code=2)


def test_a_mistake_in_the_params_of_a_system(project, fails):
    """It is of who trains it alone: systems take seconds to import."""
    project.edit("params: {epochs: 1}", "params: {epoch: 1}")
    fails("train", "picture", says="experiments.picture.params.epoch: unknown key (did you mean 'epochs'?)", code=2)
    fails("train", "statistics", says="data/manifests/mine.jsonl: no such manifest")


def test_no_params(project, fails):
    project.params.unlink()
    says = "params.yaml: not found; run the command in the project's folder, or make a project with `ser init`"
    fails("audio", "mine", "16k", says=says, code=2)


# --- names ---


@pytest.mark.parametrize(
    ("stage", "arguments", "says"),
    [
        ("manifest", ["mein"], "corpora has no entry 'mein' (did you mean 'mine'?); known: mine"),
        ("audio", ["yours", "16k"], "corpora has no entry 'yours'; known: mine"),
        ("copies", ["lout", "16k"], "copies has no entry 'lout' (did you mean 'loud'?); known: loud"),
        ("demo", ["spokn"], "demo has no entry 'spokn' (did you mean 'spoken'?); known: spoken"),
        (
            "features",
            ["mine", "cepstrum"],
            "no feature or embedding 'cepstrum' (did you mean 'cepstra'?); known: mel",
        ),
        ("train", ["statistic"], "experiments has no entry 'statistic' (did you mean 'statistics'?); known: statis"),
        ("fuse", ["bth"], "fusions has no entry 'bth' (did you mean 'both'?); known: both"),
    ],
)
def test_unknown_names(fails, stage, arguments, says):
    fails(stage, *arguments, says=says, code=2)


@pytest.mark.parametrize(
    ("stage", "arguments", "says"),
    [
        ("audio", ["mine"], "Missing argument '{16k|48k}...'"),
        ("audio", ["mine", "44k"], "'44k' is not one of '16k', '48k'"),
        ("copies", ["loud", "16000"], "'16000' is not one of '16k', '48k'"),
        ("features", ["mine"], "Missing argument 'NAME'"),
        ("train", ["picture", "--workers", "0"], "0 is not in the range x>=1"),
        ("evaluate", ["picture"], "unexpected extra argument (picture)"),
        ("report", ["picture"], "unexpected extra argument (picture)"),
    ],
)
def test_usage(project, stage, arguments, says):
    before = project.files()
    done = project.run(f"stages.{stage}", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert project.files() == before


# --- files that a stage before should have made ---


@pytest.mark.parametrize(
    ("stage", "arguments", "says"),
    [
        ("audio", ["mine", "16k"], "data/manifests/mine.jsonl: no such manifest; `dvc repro` makes it"),
        ("copies", ["loud", "16k"], "data/audio/mine/48k.h5: no such feature file; `dvc repro` makes it"),
        ("features", ["mine", "cepstra"], "data/audio/mine/16k.h5: no such feature file; `dvc repro` makes it"),
        ("features", ["mine", "tiny"], "data/audio/mine/16k.h5: no such feature file"),
        ("features", ["yours", "cepstra"], "data/audio/yours/16k.h5: no such feature file"),
        ("train", ["statistics"], "data/manifests/mine.jsonl: no such manifest"),
        ("fuse", ["both"], "data/predictions/statistics: predictions missing or damaged"),
        ("evaluate", [], "data/predictions/statistics: predictions missing or damaged"),
        ("report", [], "metrics/details: nothing was scored yet; run `dvc repro evaluate` first"),
    ],
)
def test_missing_upstream_file(fails, stage, arguments, says):
    fails(stage, *arguments, says=says)


def test_damaged_upstream_files(project, fails):
    make_audio()
    clean = paths.audio("mine", "48k")
    clean.write_bytes(clean.read_bytes()[:-50])
    fails("copies", "loud", "16k", says="data/audio/mine/48k.h5: damaged feature file")
    lines = paths.manifest("mine").read_text(encoding="utf-8").splitlines()
    paths.manifest("mine").write_text("\n".join([lines[0], lines[1][:40]]), encoding="utf-8")
    fails("audio", "mine", "16k", says="data/manifests/mine.jsonl, line 2: not a manifest row")
