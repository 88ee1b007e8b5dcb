"""`ser bench starts` takes one stage of each kind, and leaves what is no demo. What it finds is not tested."""

import pytest
from click.testing import CliRunner
from in_process import ser

from pipeline.bench import starts
from pipeline.bench.timing import Skipped
from pipeline.cli import main
from pipeline.graph import dvc_yaml

PARAMS = """\
seed: 0
demo:
  one: {language: en, voices: 2, sentences: 1}
  two: {language: de, voices: 2, sentences: 1}
corpora:
  one: {reader: demo, root: data/raw/one}
  two: {reader: READER, root: data/raw/two}
features:
  mel: {extractor: logmel}
  wide: {extractor: logmel, n_mels: 64}
  cepstra: {extractor: mfcc}
embeddings:
  tiny: {model: tiny}
protocols:
  loso: {scheme: leave_one_speaker_out}
experiments:
  x: {system: pooled, corpus: one, protocol: loso, logmel: mel, mfcc: cepstra, ssl: tiny}
  y: {system: pooled, corpus: two, protocol: loso, logmel: wide}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def make(reader="demo"):
        (tmp_path / "params.yaml").write_text(PARAMS.replace("READER", reader), encoding="utf-8")
        return tmp_path

    return make


def test_one_stage_of_each_kind_is_timed(project):
    project()
    done = ser("graph")
    assert done.exit_code == 0, done.stderr
    assert list(starts.quiet_commands(dvc_yaml.read().own()).values()) == [
        "python -m stages.manifest one",
        "python -m stages.audio one 16k",
        "python -m stages.features one mel",
        "python -m stages.features one cepstra",
        "python -m stages.features one tiny",
    ]


def test_a_corpus_of_recordings_is_left_alone(project):
    folder = project("ravdess")
    with pytest.raises(Skipped, match="the corpus 'two' is no demo, and may take hours"):
        starts.demo(folder, True)


def test_what_cannot_be_cloned_is_said(project):
    with pytest.raises(Skipped, match="no repository of git that can be cloned"):
        starts.demo(project() / "made", True)


def test_a_project_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["bench", "starts", "--quick", "--only", "stages"])
    assert done.exit_code == 1
    assert f"stages: not run: no dvc.yaml and params.yaml in {tmp_path}" in done.stdout


def test_a_command_that_fails_is_said():
    with pytest.raises(Skipped, match=r"`/bin/sh -c echo no >&2; exit 3` fails: no"):
        starts._shell("echo no >&2; exit 3", {"PATH": ""})
