"""A fitted fusion as a folder: what it holds, that it gives what was fitted, and that nothing damaged is believed."""

import json
import shutil
from hashlib import sha256

import numpy as np
import pytest
from branches import CLASSES, FOLDS, branch
from projects import tree
from safetensors.numpy import load_file, save_file

from pipeline.config.fusions import FusionParams
from pipeline.errors import UserError
from pipeline.experiments.fused_model import FittedFusion
from pipeline.experiments.fusion import Fusion

OPTIONS = [
    {"method": "logistic_regression"},
    {"solver": "adam"},
    {"method": "weighted_average"},
    {"method": "gated", "gate_units": 3},
    {"method": "stacking", "classifier": "MLPClassifier", "classifier_params": {"max_iter": 300, "alpha": 0.01}},
]


def fusion(of="ab", **options):
    branches = {name: branch(seed, 1.0 + seed / 5) for seed, name in enumerate("abc")}
    return Fusion("f", FusionParams(of=list(of), **options), branches)


def models(folder, names="abc"):
    """What experiments of these names leave, as far as a copy goes; name -> folder."""
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "card.json").write_text(json.dumps({"name": name, "folds": [CLASSES] * FOLDS}))
        for number in range(FOLDS):
            (folder / name / f"fold_{number:02d}.safetensors").write_bytes(f"{name}{number}".encode())
        (folder / name / "left over.tmp").write_text("not a model's")
    return {name: folder / name for name in names}


@pytest.fixture
def written(tmp_path):
    """A logistic regression's folder."""
    fusion().model().write(tmp_path / "f", models(tmp_path / "models"))
    return tmp_path / "f"


def signed(folder):
    """Let the card say the digests of the files that are there, as a stranger can too."""
    files = [folder / f"fold_{number:02d}.safetensors" for number in range(FOLDS)]
    edited(folder, weights=[sha256(path.read_bytes()).hexdigest() for path in files])


def edited(folder, **changes):
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


# --- what is kept ---


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("of", ["ab", "cab"])
@pytest.mark.parametrize("options", OPTIONS)
def test_what_is_read_gives_the_test_probabilities_to_the_last_bit(options, of, tmp_path):
    fitted = fusion(of, **options)
    fitted.model().write(tmp_path / "f", models(tmp_path / "models"))
    found, predicted = FittedFusion.read(tmp_path / "f"), fitted.predictions()
    assert found.card.params == fitted.params
    for number, combiner in enumerate(found.folds):
        members = [member.probabilities(member.where("test", number)) for member in fitted.members]
        np.testing.assert_array_equal(combiner(members), predicted.probabilities(predicted.where("test", number)))


def test_the_folder_holds_the_branches_and_nothing_else(written):
    numbers = [f"fold_{number:02d}.safetensors" for number in range(FOLDS)]
    files = ["card.json", *numbers]
    assert sorted(tree(written)) == sorted([*files, *(f"branches/{name}/{file}" for name in "ab" for file in files)])
    assert (written / "branches/b/fold_01.safetensors").read_bytes() == b"b1"
    card = json.loads((written / "card.json").read_text())
    assert card["params"] == {
        "of": ["a", "b"],
        "method": "logistic_regression",
        "fit_on": "training",
        "c": 1.0,
        "solver": "lbfgs",
    }
    assert card["classes"] == CLASSES
    assert card["folds"] == [CLASSES] * FOLDS
    assert not any(card[mark] for mark in ("random_backbone", "speaker_dependent", "transductive"))


def test_a_nested_fusions_branches_lie_side_by_side_and_what_is_shared_is_there_once(written, tmp_path):
    sources = {"f": written, "a": tmp_path / "models/a"}
    branches = {"f": fusion().predictions(), "a": branch(0, 1.0)}
    outer = Fusion("g", FusionParams(of=["f", "a"]), branches)
    outer.model().write(tmp_path / "g", sources)
    assert sorted(path.name for path in (tmp_path / "g/branches").iterdir()) == ["a", "b", "f"]
    assert not (tmp_path / "g/branches/f/branches").exists()
    assert FittedFusion.read(tmp_path / "g/branches/f").card == FittedFusion.read(written).card


def test_writing_again_gives_the_same_bytes_and_leaves_nothing_of_before(written, tmp_path):
    before = tree(written)
    (written / "branches/old").mkdir()
    (written / "fold_77.safetensors").write_text("of more folds")
    fusion().model().write(written, {name: tmp_path / "models" / name for name in "ab"})
    assert tree(written) == before


def test_a_class_that_a_fold_was_not_fitted_on_gets_nothing(tmp_path):
    fitted = fusion()
    for member in fitted.members:
        for i in member.where("training", 1):
            member.emotions[i] = "angry" if member.emotions[i] == "sad" else member.emotions[i]
    fitted.model().write(tmp_path / "f", models(tmp_path / "models"))
    found = FittedFusion.read(tmp_path / "f")
    assert found.card.folds == [CLASSES, ["angry", "happy"], CLASSES]
    members = [member.probabilities(member.where("test", 1)) for member in fitted.members]
    assert not found.folds[1](members)[:, 2].any()
    np.testing.assert_array_equal(found.folds[1](members), fitted.fitted[1](members))


def test_branches_that_hold_different_models_of_one_name_are_not_mixed(written, tmp_path):
    (tmp_path / "models/a/fold_00.safetensors").write_bytes(b"trained again")
    outer = Fusion("g", FusionParams(of=["f", "a"]), {"f": fusion().predictions(), "a": branch(0, 1.0)})
    with pytest.raises(UserError, match=r"models/a: another branch holds an older one; `dvc repro` brings all up"):
        outer.model().write(tmp_path / "g", {"f": written, "a": tmp_path / "models/a"})
    assert not (tmp_path / "g/card.json").exists()


@pytest.mark.parametrize(("gone", "says"), [("card.json", "cannot be read"), ("fold_02.safetensors", "is missing")])
def test_a_branch_without_models(gone, says, tmp_path):
    sources = models(tmp_path / "models")
    (sources["b"] / gone).unlink()
    with pytest.raises(UserError, match=rf"models/b/{gone}: {says}.*`dvc repro`"):
        fusion().model().write(tmp_path / "f", sources)


# --- what is not believed ---


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": "ser-fusion/1"}, "format: .*'ser-fusion/2'"),
        ({"folds": []}, "folds: list should have at least 1 item"),
        ({"folds": [["angry", "glad"]] * 3}, "the emotions of fold 0 are not some of the classes"),
        ({"folds": [["happy", "angry"]] * 3}, "the emotions of fold 0 are not some of the classes"),
        ({"folds": [[]] * 3}, "the emotions of fold 0 are not some of the classes"),
        ({"classes": ["angry", 7]}, "classes.1: input should be a valid string; it is 7"),
        ({"classes": ["angry", "angry", "happy", "sad"]}, "classes: an emotion stands twice"),
        ({"seed": "0"}, "seed: input should be a valid integer"),
        ({"open": "sesame"}, "open: unknown key"),
        ({"params": {"of": ["a", "../../etc"]}}, r"params: name '\.\./\.\./etc' may hold only letters"),
        ({"params": {"of": ["a", "/etc"]}}, r"params: name '/etc' may hold only letters"),
        ({"params": {"of": ["a", ".."]}}, r"params: name '\.\.' may hold only letters"),
        ({"params": {"of": ["a", ""]}}, "params: name '' may hold only letters"),
        ({"params": {"of": ["a"]}}, "params.of: a fusion has two branches or more"),
        ({"params": {"of": ["a", "b"], "method": "median"}}, "params.method: input should be"),
    ],
)
def test_a_card_that_does_not_follow_its_schema(written, changes, says):
    edited(written, **changes)
    with pytest.raises(UserError, match=rf"card\.json: is no card of trained models \((the file: )?{says}.*; copy the"):
        FittedFusion.read(written)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"format": NaN}', "\udcff"])
def test_a_card_that_is_none(written, text):
    (written / "card.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"card\.json: is no card of trained models.*; copy the whole folder"):
        FittedFusion.read(written)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda n: {**n, "bias": n["bias"][:2]}, r"bias has the shape \(2,\) and not \(3\)"),
        (lambda n: {**n, "weight": n["weight"].T}, r"weight has the shape \(6, 3\) and not \(3, 6\)"),
        (lambda n: {**n, "weight": n["weight"][None]}, r"weight has the shape \(1, 3, 6\) and not \(3, 6\)"),
        (lambda n: {**n, "weight": n["weight"] * np.nan}, "weight has numbers that are not finite"),
        (lambda n: {**n, "bias": n["bias"] + np.inf}, "bias has numbers that are not finite"),
        (lambda n: {**n, "bias": n["bias"].astype(np.float32)}, "bias is of type float32"),
        (lambda n: {"bias": n["bias"]}, "weight is missing"),
        (lambda n: {**n, "more": n["bias"]}, "more is unknown"),
    ],
)
def test_numbers_that_are_not_the_methods(written, change, says):
    path = written / "fold_01.safetensors"
    save_file({name: np.ascontiguousarray(array) for name, array in change(load_file(path)).items()}, path)
    signed(written)
    with pytest.raises(UserError, match=rf"fold_01\.safetensors: does not hold the numbers of .* \({says}\); copy"):
        FittedFusion.read(written)


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 40, 150])
def test_a_file_cut_short(written, keep):
    path = written / "fold_01.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"fold_01\.safetensors: is not the file that card\.json was written for"):
        FittedFusion.read(written)
    signed(written)
    with pytest.raises(UserError, match=r"fold_01\.safetensors: does not hold the numbers of fusion"):
        FittedFusion.read(written)


def test_a_file_less(written):
    (written / "fold_02.safetensors").unlink()
    with pytest.raises(UserError, match=r"fold_02\.safetensors: is missing; copy"):
        FittedFusion.read(written)


def test_another_methods_numbers(written, tmp_path):
    fusion(method="gated").model().write(tmp_path / "gated", {name: tmp_path / "models" / name for name in "ab"})
    shutil.copy(tmp_path / "gated/fold_00.safetensors", written)
    signed(written)
    with pytest.raises(UserError, match=r"fold_00\.safetensors: does not hold .* \(bias is missing\)"):
        FittedFusion.read(written)
