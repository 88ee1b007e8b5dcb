"""Tests under other conditions through the real commands: what is altered, who is asked, and what is refused."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import Project
from in_process import make_audio, stage

from pipeline import paths
from pipeline.experiments.predictions import Predictions

EXPERIMENTS = """\
experiments:
  plain: {system: pooled, corpus: mine, protocol: loso, logmel: mel, test_on: [noise, telephone]}
  own: {system: pooled, corpus: mine, protocol: loso, logmel: mel, test_on: [noise], params: {normalisation: per_speaker}}
fusions:
  both: {of: [plain, own], method: weighted_average, fit_on: other_folds}
conditions:
  noise: {snr: 0}
  telephone: {band: [300, 3400], rate: 8000}
  unused: {mp3: 32}
"""  # noqa: E501


def run(name, *arguments):
    done = stage(name, *arguments)
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project of nine recordings, whose experiments and fusion are trained, and tested under their conditions."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        project = Project(folder)
        text = project.params.read_text()
        project.params.write_text(text[: text.index("experiments:")] + EXPERIMENTS + text[text.index("scoring:") :])
        for number, path in enumerate(project.recordings):
            noise = np.random.default_rng(number).standard_normal(6000).cumsum()
            soundfile.write(path, 0.2 * (1 + number // 3) * noise / abs(noise).max(), 16000)
        make_audio()
        for condition in ("noise", "telephone"):
            run("condition", "mine", condition, "16k")
        for corpus in ("mine", "mine/noise", "mine/telephone"):
            run("features", corpus, "mel", "--workers", "1")
        for name in ("plain", "own"):
            run("train", name, "--workers", "1")
        run("fuse", "both")
        for name in ("plain", "own", "both"):
            run("test", name)
    return folder


@pytest.fixture
def here(trained, tmp_path, monkeypatch):
    """A copy of it, that a test can change."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_scores_under_each_condition_stand_beside_clean(here):
    run("evaluate")
    with Path("metrics/conditions.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["experiment"], row["condition"], row["n"]) for row in table] == [
        ("plain", "clean", "9"), ("plain", "noise", "9"), ("plain", "telephone", "9"), ("own", "clean", "9"),
        ("own", "noise", "9"), ("both", "clean", "9"), ("both", "noise", "9"),
    ]  # fmt: skip
    scores = json.loads(Path("metrics/scores.json").read_text())
    assert set(scores["plain"]) == {"UA", "UA_low", "UA_high", "WA", "macro_F1"}
    for row in table:
        clean = scores[row["experiment"]]["UA"]
        if row["condition"] == "clean":
            assert float(row["UA"]) == clean
            assert row["difference"] == ""
        else:
            assert float(row["difference"]) == pytest.approx(float(row["UA"]) - clean, abs=2e-4)
            known = json.loads(Path(f"metrics/details/{row['experiment']}.json").read_text())["conditions"]
            assert known[row["condition"]]["UA"] == float(row["UA"])
    assert "## Other conditions" in Path("metrics/summary.md").read_text()


@pytest.mark.parametrize("name", ["plain", "own", "both"])
def test_under_no_other_condition_each_folds_model_gives_what_it_gave_in_training(here, name):
    """Also where each speaker's own statistics standardise, which are those of the condition."""
    shutil.copy("data/features/mine/mel.h5", "data/features/mine/noise/mel.h5")
    for each in ("plain", "own", "both"):
        run("test", each)
    clean, tested = Predictions.read(paths.predictions(name)), Predictions.read(paths.tested(name))
    ours, theirs = clean.where("test"), tested.where("noise")
    assert [clean.keys[i] for i in ours] == [tested.keys[i] for i in theirs]
    np.testing.assert_allclose(clean.probabilities(ours), tested.probabilities(theirs), rtol=0, atol=2e-6)


def test_a_condition_changes_probabilities_and_runs_give_the_same_bytes(here):
    clean, tested = Predictions.read(paths.predictions("plain")), Predictions.read(paths.tested("plain"))
    assert np.abs(clean.probabilities(clean.where("test")) - tested.probabilities(tested.where("noise"))).max() > 0.01
    before = {path: path.read_bytes() for path in paths.tested("plain").iterdir()}
    run("test", "plain")
    assert {path: path.read_bytes() for path in paths.tested("plain").iterdir()} == before


@pytest.mark.parametrize("instead", ["happy/anna_1", "nowhere"])
def test_a_condition_of_what_was_trained_on_or_is_not_there_is_refused(here, instead):
    path = paths.tested("plain") / "probabilities.csv"
    lines = path.read_text().splitlines()
    fold, condition, key, *rest = lines[1].split(",")
    lines[1] = ",".join([fold, condition, instead, *rest])
    assert key != instead
    path.write_text("\n".join([*lines, ""]))
    done = stage("evaluate")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: plain: was not tested under noise on its test parts (")
    assert not Path("metrics/conditions.csv").exists()


def test_a_fusion_is_tested_under_what_all_its_branches_are(here):
    tested = Predictions.read(paths.tested("both"))
    assert {*tested.part} == {"noise"}
    path = paths.tested("own") / "probabilities.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    done = stage("test", "both")
    assert done.exit_code == 1
    assert done.stderr == "error: own: has no 'sad/cleo_1' of fold 2 under noise; `dvc repro test-own`\n"


def test_a_copy_in_a_clean_test_part_is_refused_as_before(here):
    for name in ("probabilities.csv", "folds.json"):
        path = paths.predictions("plain") / name
        path.write_text(path.read_text().replace("angry/anna_1", "angry/anna_1@10dB"))
    assert "has the copy 'angry/anna_1@10dB'" in stage("evaluate").stderr


def test_what_is_missing_is_said(here):
    shutil.rmtree(paths.tested("plain"))
    assert "data/conditions/plain: predictions missing or damaged" in stage("evaluate").stderr
    shutil.rmtree("data/features/mine/telephone")
    done = stage("test", "plain")
    assert done.exit_code == 1
    assert "data/features/mine/telephone/mel.h5" in done.stderr
    assert not paths.tested("plain").exists()
    assert "conditions has no entry 'telefone' (did you mean 'telephone'?)" in stage(
        "condition", "mine", "telefone", "16k"
    ).stderr  # fmt: skip
