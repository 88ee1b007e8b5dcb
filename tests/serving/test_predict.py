"""`ser predict`: a trained experiment or fusion on recordings, through the real commands."""

import csv
import io
import json
import shutil

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from conftest import Project, tone

from pipeline.cli import main
from pipeline.config.fusions import FusionParams
from pipeline.experiments.fusion import Fusion
from pipeline.experiments.predictions import Predictions

pytestmark = pytest.mark.slow

MORE = """fusions:
  pair: {of: [picture, again], method: weighted_average}
  nested: {of: [pair, again, picture], fit_on: other_folds}
"""
FUSION = "of: [picture, again], fit_on: other_folds"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project of nine recordings whose pooled and spectrogram experiments, and a fusion, are trained."""
    folder = tmp_path_factory.mktemp("project")
    project = Project(folder)
    for number, path in enumerate(project.recordings):
        soundfile.write(path, tone(0.3 + 0.02 * number, 200 + 90 * (number // 3) + 7 * number), 16000)
    project.edit("of: [statistics, again], fit_on: validation", FUSION)
    project.edit("fusions:\n", MORE)
    project.edit("copies: loud, protocol: dealt", "protocol: loso")
    project.edit("n_mels: 20}\n  cepstra", "n_mels: 32, clip: 0.5, pad_to: 0.5, hop_length: 100}\n  cepstra")
    project.edit("statistics: {system", "statistics: {params: {normalisation: per_speaker}, system")
    project.edit("{epochs: 1}", "{epochs: 1, patience: 0}")
    steps = [("manifest", "mine"), ("audio", "mine", "16k")]
    steps += [("features", "mine", name) for name in ("mel", "cepstra", "melody")]
    steps += [("train", name) for name in ("statistics", "again", "picture")] + [
        ("fuse", name) for name in ("both", "pair", "nested")
    ]
    for module, *arguments in steps:
        done = project.run(f"stages.{module}", *arguments)
        assert done.returncode == 0, done.stderr
    return project


@pytest.fixture
def ser(trained, monkeypatch):
    """Run `ser predict` in the project; the table's rows by key, and standard error."""
    monkeypatch.chdir(trained.folder)

    def ser(*arguments, code=0):
        done = CliRunner().invoke(main, ["predict", *map(str, arguments)])
        assert done.exit_code == code, done.output
        return {row["key"]: row for row in csv.DictReader(io.StringIO(done.stdout))}, done.stderr

    return ser


def out_of_fold(trained, name):
    """Key -> what the experiment itself gave for it out of fold, and the fold."""
    found = Predictions.read(trained.folder / "data/predictions" / name)
    return {found.keys[i]: (found.fold[i], found.rows[i]) for i in found.where("test")}


def probabilities(row):
    return np.array([float(value) for name, value in row.items() if name.startswith("p_")])


def single(trained, name, fold, place):
    """A copy of an experiment's models with one fold's only."""
    place.mkdir()
    source = trained.folder / "data/models" / name
    shutil.copy(source / f"fold_{fold:02d}.safetensors", place / "fold_00.safetensors")
    card = json.loads((source / "card.json").read_text())
    (place / "card.json").write_text(json.dumps({**card, "folds": [card["folds"][fold]]}))
    return place


def manifest(trained):
    """The corpus's manifest beside its recordings, as `ser` takes it."""
    path = trained.folder / "recordings/list.jsonl"
    shutil.copy(trained.folder / "data/manifests/mine.jsonl", path)
    return path


@pytest.mark.parametrize("name", ["again", "picture", "statistics"])
def test_each_folds_model_gives_what_it_gave_in_training_and_together_their_mean(trained, ser, tmp_path, name):
    known, given = out_of_fold(trained, name), manifest(trained)
    together, said = ser(name, given)
    assert said.startswith(f"{name}: ")
    assert "trained on mine, mean of 3 models" in said
    assert list(together) == sorted(known)
    every = []
    for fold in range(3):
        rows, _ = ser(single(trained, name, fold, tmp_path / str(fold)), given)
        every.append([probabilities(row) for row in rows.values()])
        for key, (tested_in, wanted) in known.items():
            if tested_in == fold:
                np.testing.assert_allclose(probabilities(rows[key]), wanted, atol=3e-6)
    np.testing.assert_allclose([probabilities(row) for row in together.values()], np.mean(every, axis=0), atol=3e-6)
    for row in together.values():
        assert row["emotion"] == ["angry", "happy", "sad"][probabilities(row).argmax()]


def test_a_fusion_fuses_fold_by_fold(trained, ser, tmp_path):
    branches = {name: Predictions.read(trained.folder / "data/predictions" / name) for name in ("picture", "again")}
    params = FusionParams(of=["picture", "again"], fit_on="other_folds")
    wanted = []
    for fold in range(3):
        pair = []
        for name in ("picture", "again"):
            rows, _ = ser(single(trained, name, fold, tmp_path / f"{name}{fold}"), "recordings")
            pair.append(np.array([probabilities(row) for row in rows.values()]))
        wanted.append(Fusion("both", params, branches).fitted(fold)(pair))
    rows, said = ser("both", "recordings")
    assert "picture: spectrogram" in said
    assert "again: pooled" in said
    np.testing.assert_allclose([probabilities(row) for row in rows.values()], np.mean(wanted, axis=0), atol=1e-5)


def test_a_fusion_of_a_fusion_is_fused_from_below(trained, ser, tmp_path):
    names = ("picture", "again", "pair")
    left = {name: Predictions.read(trained.folder / "data/predictions" / name) for name in names}
    pair = Fusion("pair", FusionParams(of=["picture", "again"], method="weighted_average"), left)
    nested = Fusion("nested", FusionParams(of=["pair", "again", "picture"], fit_on="other_folds"), left)
    wanted = []
    for fold in range(3):
        table = {}
        for name in ("picture", "again"):
            rows, _ = ser(single(trained, name, fold, tmp_path / f"{name}{fold}"), "recordings")
            table[name] = np.array([probabilities(row) for row in rows.values()])
        inner = pair.fitted(fold)([table["picture"], table["again"]])
        wanted.append(nested.fitted(fold)([inner, table["again"], table["picture"]]))
    rows, said = ser("nested", "recordings")
    assert [line.split(":")[0] for line in said.splitlines() if "mean of" in line] == ["picture", "again"]
    np.testing.assert_allclose([probabilities(row) for row in rows.values()], np.mean(wanted, axis=0), atol=1e-5)


def test_files_and_a_table(trained, ser, tmp_path):
    rows, _ = ser("again", "recordings")
    one, _ = ser("again", "recordings/sad/anna_1.wav", "recordings/happy/ben_1.wav", "--workers", "2")
    assert list(one) == ["anna_1", "ben_1"]
    np.testing.assert_allclose(probabilities(one["ben_1"]), probabilities(rows["happy/ben_1"]), atol=1e-6)
    printed, _ = ser("again", "recordings", "--out", tmp_path / "found.csv")
    assert printed == {}
    with (tmp_path / "found.csv").open(newline="") as file:
        assert {row["key"]: row for row in csv.DictReader(file)} == rows


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["agin", "recordings"], 2, "agin: no folder of trained models, nor an experiment or fusion of this project "
         "(did you mean 'again'?); trained: again, picture, statistics, pair, nested, both"),
        (["again", "nowhere"], 1, "nowhere: no such file or folder"),
        (["again", "params.yaml"], 1, "params.yaml: not a recording"),
        (["statistics", "recordings"], 1, "normalisation needs the speaker of every recording"),
        (["again", "recordings", "--device", "gpu7"], 2, "device 'gpu7' cannot be used"),
    ],
)  # fmt: skip
def test_mistakes(ser, arguments, code, says):
    rows, said = ser(*arguments, code=code)
    assert rows == {}
    assert f"error: {says}" in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"features": {}, "folds": 1}, "card.json: is no card of trained models"),
        ({"version": "0"}, "was trained on logmel of version '0', here it is"),
        ({"weights": "abc"}, "was trained on logmel of weights 'abc', here it is ''; train it again"),
        ({"fold": None}, "fold_01.safetensors: is missing; copy the whole folder, or train it again"),
    ],
)
def test_models_that_do_not_fit(trained, ser, tmp_path, change, says):
    folder = tmp_path / "copy"
    shutil.copytree(trained.folder / "data/models/picture", folder)
    card = json.loads((folder / "card.json").read_text())
    if "fold" in change:
        (folder / "fold_01.safetensors").unlink()
    elif "features" in change:
        del card["features"]
    else:
        card["features"]["logmel"] |= change
    (folder / "card.json").write_text(json.dumps(card))
    _, said = ser(folder, "recordings", code=1)
    assert says in said
