"""`ser predict`: a trained experiment or fusion on recordings, through the real commands."""

import csv
import io
import json
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save
from trained_project import signed, trained_project

from pipeline.cli import main
from pipeline.config.fusions import FusionParams
from pipeline.corpora import manifest as manifests
from pipeline.corpora.manifest import Row
from pipeline.experiments.fused_model import FittedFusion
from pipeline.experiments.fusion import Fusion
from pipeline.experiments.predictions import Predictions

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """See `trained_project`."""
    return trained_project(tmp_path_factory.getbasetemp())


@pytest.fixture
def ser(trained, monkeypatch):
    """Run `ser predict` with an export of the project, or elsewhere; the table's rows by key, and standard error."""
    monkeypatch.chdir(trained.folder)

    def ser(model, *arguments, code=0):
        exported = Path("exports", model) if Path("exports", model).is_dir() else model
        done = CliRunner().invoke(main, ["predict", *map(str, [exported, *arguments])])
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
    """A copy of an experiment's export with one fold's model only."""
    place.mkdir()
    source = trained.folder / "exports" / name
    shutil.copy(source / "model.json", place)
    shutil.copy(source / f"fold_{fold:02d}.safetensors", place / "fold_00.safetensors")
    card = json.loads((source / "card.json").read_text())
    (place / "card.json").write_text(json.dumps({**card, "folds": [card["folds"][fold]]}))
    return signed(place)


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
        wanted.append(Fusion("both", params, branches).fitted[fold](pair))
    rows, said = ser("both", "recordings")
    assert "picture: spectrogram" in said
    assert "again: pooled" in said
    assert said.splitlines()[-1] == "both: fusion (logistic_regression) of picture, again"
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
        inner = pair.fitted[fold]([table["picture"], table["again"]])
        wanted.append(nested.fitted[fold]([inner, table["again"], table["picture"]]))
    rows, said = ser("nested", "recordings")
    assert [line.split(":")[0] for line in said.splitlines() if "mean of" in line] == ["picture", "again"]
    np.testing.assert_allclose([probabilities(row) for row in rows.values()], np.mean(wanted, axis=0), atol=1e-5)


@pytest.mark.parametrize("name", ["both", "pair", "nested"])
def test_a_copy_of_a_fusions_export_predicts_the_same_bytes_without_a_project(
    trained, ser, tmp_path, monkeypatch, name
):
    ser(name, "recordings", "--out", tmp_path / "here.csv")
    shutil.copytree(trained.folder / "exports" / name, tmp_path / "elsewhere/copied")
    monkeypatch.chdir(tmp_path / "elsewhere")
    ser("copied", trained.folder / "recordings", "--out", tmp_path / "there.csv")
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    assert sorted(path.name for path in (tmp_path / "elsewhere/copied/branches").iterdir()) == (
        ["again", "pair", "picture"] if name == "nested" else ["again", "picture"]
    )


def test_what_a_fusion_left_and_what_its_folder_gives_are_one(trained):
    """Fed what the branches of each fold say of the recordings, the numbers give what the stage wrote of them."""
    fusion = FittedFusion.read(trained.folder / "data/models/nested")
    left = {name: out_of_fold(trained, name) for name in ("pair", "again", "picture", "nested")}
    for key, (fold, wanted) in left["nested"].items():
        members = [left[name][key][1][None] for name in fusion.card.params.of]
        np.testing.assert_allclose(fusion.folds[fold](members)[0], wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: shutil.rmtree(f / "branches/picture"), "branches/picture/card.json: cannot be read (No such file"),
        (lambda f: (f / "branches/again/fold_01.safetensors").write_bytes(b"x"), "again/fold_01.safetensors: does not"),
        (lambda f: (f / "branches/picture/fold_01.safetensors").write_bytes(b""), "does not hold a model of spectr"),
        (
            lambda f: (f / "branches/again/fold_02.safetensors").unlink(),
            "branches/again/fold_02.safetensors: is missing",
        ),
        (lambda f: (f / "fold_02.safetensors").unlink(), "fold_02.safetensors: is missing"),
        (lambda f: edit_card(f / "branches/again", classes=["sad", "happy", "angry"]), "the classes are not in"),
        (lambda f: edit_card(f / "branches/again", folds=[["happy", "sad"]]), "has another number of folds than"),
        (lambda f: edit_card(f / "branches/again", folds=[["glad"]] * 3), "fold 0 are not some of the classes"),
        (lambda f: edit_card(f / "branches/pair", params={"of": ["pair", "again"]}), "the system is"),
        (
            lambda f: edit_card(f / "branches/again", folds=[["happy", "sad"]] * 3),
            "again/fold_00.safetensors: does not",
        ),
        (lambda f: shorten(f / "branches/again/fold_01.safetensors"), "again/fold_01.safetensors: does not hold"),
        (lambda f: spoil(f / "branches/again/fold_00.safetensors", np.nan), "again/fold_00.safetensors: does not hold"),
        (lambda f: spoil(f / "branches/again/fold_00.safetensors", 1e308), "branches/again: its numbers give no prob"),
        (lambda f: spoil(f / "fold_00.safetensors", -1e308), "copy: its numbers give no probabilities"),
        (lambda f: spoil(f / "branches/picture/fold_00.safetensors", np.inf), "has numbers that are not finite"),
    ],
)
def test_a_damaged_folder_is_one_line_that_names_the_file(trained, ser, tmp_path, damage, says):
    folder = tmp_path / "copy"
    shutil.copytree(trained.folder / "exports/nested", folder)
    damage(folder)
    rows, said = ser(signed(folder), "recordings", code=1)
    assert rows == {}
    assert says in said
    assert said.splitlines()[-1].startswith(f"error: {folder}")
    assert "copy the whole folder again, or make it anew with `dvc repro`" in said


def test_weights_of_other_classes_than_the_card_says(trained, ser, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(trained.folder / "exports/nested", folder)
    edit_card(folder / "branches/picture", folds=[["sad"]] * 3)
    _, said = ser(signed(folder), "recordings", code=1)
    path = folder / "branches/picture/fold_00.safetensors"
    problem = (
        "is of another system or of other params (classifier.bias is float32 (3,), and the network's float32 (1,))"
    )
    assert (
        said.splitlines()[-1]
        == f"error: {path}: {problem}; give the card.json that was written with it, or train again"
    )


@pytest.mark.parametrize("place", ["", "branches/again"])
def test_a_file_that_is_not_the_cards_is_not_read(trained, ser, tmp_path, place):
    folder = tmp_path / "copy"
    shutil.copytree(trained.folder / "exports/nested", folder)
    shutil.copy(folder / place / "fold_00.safetensors", folder / place / "fold_01.safetensors")
    _, said = ser(folder, "recordings", code=1)
    path = folder / place / "fold_01.safetensors"
    assert f"error: {path}: is not the file that card.json was written for (its digest is another); copy" in said


def test_a_fusion_made_of_itself(trained, ser, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(trained.folder / "exports/nested", folder)
    edit_card(folder / "branches/pair", params={"of": ["pair", "again"], "method": "weighted_average"})
    _, said = ser(signed(folder), "recordings", code=1)
    assert f"error: {folder}: is made of itself (pair of pair); copy the whole folder again" in said


def edit_card(folder, **changes):
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def shorten(path):
    """Leave all but one of a file's arrays."""
    path.write_bytes(save(dict([*load_file(path).items()][1:])))


def spoil(path, value):
    """Put a number in the place of all in a file."""
    known = load_file(path)
    path.write_bytes(save({name: np.full_like(a, value) if a.dtype.kind == "f" else a for name, a in known.items()}))


def test_files_and_a_table(trained, ser, tmp_path):
    rows, _ = ser("again", "recordings")
    one, _ = ser("again", "recordings/sad/anna_1.wav", "recordings/happy/ben_1.wav", "--workers", "2")
    assert list(one) == ["anna_1", "ben_1"]
    np.testing.assert_allclose(probabilities(one["ben_1"]), probabilities(rows["happy/ben_1"]), atol=1e-6)
    printed, _ = ser("again", "recordings", "--out", tmp_path / "found.csv")
    assert printed == {}
    with (tmp_path / "found.csv").open(newline="") as file:
        assert {row["key"]: row for row in csv.DictReader(file)} == rows


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(1)"])
def test_a_file_name_that_a_spreadsheet_would_compute(trained, ser, tmp_path, name):
    shutil.copy(trained.folder / "recordings/sad/anna_1.wav", tmp_path / f"{name}.wav")
    rows, _ = ser("again", tmp_path / f"{name}.wav")
    assert [*rows] == [f"'{name}"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["exports/agin", "recordings"], 2, "exports/agin: there is no such export (did you mean 'exports/again'?); "
         "exports here: exports/again, exports/both, exports/nested, exports/pair, exports/picture, exports/stacked, "
         "exports/statistics; to be exported: again, both, nested, pair, picture, stacked, statistics"),
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
        ({"weights": "ab" * 32}, "was trained on logmel of weights 'abababababab', here it is ''; train it again"),
        ({"fold": None}, "fold_01.safetensors: is missing; copy the whole folder again, or make it anew"),
    ],
)
def test_models_that_do_not_fit(trained, ser, tmp_path, change, says):
    folder = tmp_path / "copy"
    shutil.copytree(trained.folder / "exports/picture", folder)
    card = json.loads((folder / "card.json").read_text())
    if "fold" in change:
        (folder / "fold_01.safetensors").unlink()
    elif "features" in change:
        del card["features"]
    else:
        card["features"]["logmel"] |= change
    (folder / "card.json").write_text(json.dumps(card))
    model = json.loads((folder / "model.json").read_text())
    model["experiments"]["picture"]["features"] = card.get("features", {})
    digest = sha256((folder / "card.json").read_bytes()).hexdigest()
    (folder / "model.json").write_text(json.dumps(model | {"cards": {"card.json": digest}}))
    _, said = ser(folder, "recordings", code=1)
    assert says in said


def test_bad_recordings_are_named_or_left_out(trained, ser, tmp_path):
    for number, path in enumerate(trained.recordings[:4]):
        (tmp_path / f"{number}.wav").write_bytes(path.read_bytes() if number % 2 else b"no sound")
    rows, errors = ser("again", tmp_path, code=1)
    assert not rows
    assert [f"/{name}.wav: cannot be read as audio" in errors for name in range(4)] == [True, False, True, False]
    assert "2 recordings cannot be used; mend or remove the files, or leave them out: --skip-bad" in errors
    rows, errors = ser("again", tmp_path, "--skip-bad", code=3)
    assert "warning: left out: 2 recordings\n" in errors
    for name in ("0", "2"):
        (tmp_path / f"{name}.wav").unlink()
    alone, _ = ser("again", tmp_path)
    assert rows == alone
    assert [*rows] == ["1", "3"]
    listed = [Row(n, "d", f"{n}.wav", "s", "", "", "sad", "sad", "", "", 0.02, 16000, 1, "") for n in "0123"]
    manifests.write(tmp_path / "list.jsonl", listed)
    rows, errors = ser("again", tmp_path / "list.jsonl", "--skip-bad", code=3)
    assert "warning: left out: 2 recordings\n" in errors
    assert rows == alone
