"""What stops `ser graph`: mistakes in params.yaml, in dvc.yaml and in dvc.lock; then nothing is written."""

from pathlib import Path

import pytest
import yaml
from in_process import ser

DVC_YAML = Path("dvc.yaml")


# --- dvc.yaml and dvc.lock ---


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("stages: [", "dvc.yaml: cannot be read (while parsing "),
        ("<<<<<<< HEAD\nstages: {}\n=======\n", "dvc.yaml: cannot be read ("),
        (b"\xff\xfe", "dvc.yaml: cannot be read ("),
        ("- a\n- b\n", "dvc.yaml: is no graph of stages; mend it, or delete it and run `ser graph`"),
        ("just text\n", "dvc.yaml: is no graph of stages"),
        ("stages: [a, b]\n", "dvc.yaml: is no graph of stages"),
        ("stages:\n  a: {cmd: x}\n  a: {cmd: y}\n", "dvc.yaml: the names from line 2 on must be texts, each once"),
        ("stages:\n  1: {cmd: x}\n", "dvc.yaml: the names from line 2 on must be texts, each once"),
        ("vars: [a]\nvars: [b]\n", "dvc.yaml: the names from line 1 on must be texts, each once"),
    ],
)
def test_a_dvc_yaml_that_is_no_graph_is_left_alone(project, text, says):
    DVC_YAML.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = project.files()
    result = ser("graph")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {says}")
    assert len(result.stderr.splitlines()) == 1
    assert project.files() == before


def test_a_stage_of_the_users_with_a_name_that_is_wanted(project):
    DVC_YAML.write_text("stages:\n  train-picture:\n    cmd: nice python -m stages.train picture\n", encoding="utf-8")
    before = project.files()
    for options in ([], ["--check"]):
        result = ser("graph", *options)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == (
            "error: dvc.yaml: stage 'train-picture' has a command that is not `ser graph`'s, which needs this name; "
            "rename or delete it\n"
        )
    assert project.files() == before


def test_a_lock_that_is_no_yaml_is_left_alone(project):
    """As git leaves it where two branches meet."""
    Path("dvc.lock").write_text("<<<<<<< HEAD\nschema: '2.0'\n=======\n", encoding="utf-8")
    before = project.files()
    result = ser("graph")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: dvc.lock: cannot be read (")
    assert project.files() == before


# --- params.yaml ---


def test_all_problems_are_said_at_once_and_nothing_is_written(project):
    ser("graph")
    project.edit("root: recordings", "root: recordinks")
    project.edit("n_mfcc: 12", "n_mfc: 12")
    project.edit("again: {system: pooled, corpus: mine", "again: {system: pooled, corpus: yours")
    project.edit("params: {epochs: 1}", "params: {epoch: 1}")
    project.edit("scoring:", "scorings:")
    before = project.files()
    for options in ([], ["--check"]):
        result = ser("graph", *options)
        assert (result.exit_code, result.stdout) == (2, "")
        assert [line.partition(": ")[2].partition("; known")[0] for line in result.stderr.splitlines()] == [
            "params.yaml:5: corpora.mine.root: 'recordinks' does not exist",
            "params.yaml:10: features.cepstra.n_mfc: unknown key (did you mean 'n_mfcc'?)",
            "params.yaml:20: experiments.again.corpus: 'yours' is not in corpora",
            "params.yaml:21: experiments.picture.params.epoch: unknown key (did you mean 'epochs'?)",
            "params.yaml:24: scorings: unknown key (did you mean 'scoring'?)",
        ]
    assert project.files() == before


def test_a_root_in_the_home_folder(project, monkeypatch):
    project.edit("root: recordings", "root: ~/recordings")
    monkeypatch.setenv("HOME", str(project.folder))
    ser("graph")
    assert f"{project.folder}/recordings" in yaml.safe_load(DVC_YAML.read_text())["stages"]["manifest-mine"]["deps"]
    monkeypatch.setenv("HOME", "/nowhere")
    result = ser("graph")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: params.yaml:5: corpora.mine.root: '/nowhere/recordings' does not exist\n"


def test_two_stages_of_one_name(project):
    project.edit("corpora:\n", "corpora:\n  mine-mel: {reader: folder, root: recordings}\n")
    project.edit("features:\n", "features:\n  mel-c: {extractor: mfcc}\n  c: {extractor: mfcc}\n")
    project.params.write_text(
        project.params.read_text(encoding="utf-8") + "keep: {mine: [mel-c], mine-mel: [c]}\n", encoding="utf-8"
    )
    before = project.files()
    result = ser("graph")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "error: params.yaml: two stages are named 'features-mine-mel-c' (python -m stages.features mine mel-c; python "
        "-m stages.features mine-mel c); rename an entry\n"
    )
    assert project.files() == before


def test_validation_speakers_that_no_system_can_have(project):
    """Of three speakers, and for a system that trains on them."""
    project.edit("fusions:\n  both: {of: [statistics, again], fit_on: validation}\n", "")
    scheme = "loso: {scheme: leave_one_speaker_out"
    project.edit(scheme, f"{scheme}, validation_speakers: 50")
    lines = [line for line in ser("graph").stderr.splitlines() if "experiments.statistics." in line]
    assert len(lines) == 1
    assert "needs at least 52: validation_speakers 50, one to test and one to train on; lower it, or" in lines[0]


@pytest.mark.parametrize(
    "text", ["", "# all of it is commented out\n", "{}\n", "seed: 0\nscoring: {bootstrap: 100}\n", "corpora:\n"]
)
def test_an_empty_params_yaml_drops_no_stage(project, text):
    assert ser("graph").exit_code == 0
    project.params.write_text(text, encoding="utf-8")
    before = project.files()
    for options in ([], ["--check"]):
        result = ser("graph", *options)
        assert (result.exit_code, result.stdout) == (2, "")
        (line,) = result.stderr.splitlines()
        assert line.startswith("error: params.yaml: is empty, or has no entry but settings, so that no stage would be ")
    assert project.files() == before
