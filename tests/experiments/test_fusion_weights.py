"""Weights of a fusion, by class and branch: those of the regression, and a table that says so."""

import csv

import numpy as np
import pytest
from branches import CLASSES, FOLDS, branch, stacked
from sklearn.linear_model import LogisticRegression

from pipeline.config.fusions import FusionParams
from pipeline.errors import UserError
from pipeline.evaluation.weights import copy_weights
from pipeline.experiments.fusion import Fusion
from pipeline.experiments.fusion_weights import Weights


def fusion(of="ab", skills=(1.0, 1.5, 2.0), **options):
    branches = {name: branch(seed, skill) for seed, (name, skill) in enumerate(zip("abc", skills, strict=True))}
    return Fusion("f", FusionParams(of=list(of), **options), branches)


def rows(weights, path):
    weights.write(path)
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_regressions_weights_by_class_and_branch_are_scikit_learns(tmp_path):
    fitted = fusion("abc")
    tables = [stacked(fitted.members, "training", fold)[:2] for fold in range(FOLDS)]
    coefficients = np.array([LogisticRegression(max_iter=1000).fit(*table).coef_ for table in tables])
    coefficients -= coefficients.mean(axis=1, keepdims=True)
    mean, std = coefficients.mean(axis=0).reshape(3, 3, 3), coefficients.std(axis=0, ddof=1).reshape(3, 3, 3)
    found = rows(Weights.of(fitted), tmp_path / "weights.csv")
    assert list(found[0]) == ["class", "branch", "probability_of", "weight", "std"]
    assert len(found) == 27
    for row in found:
        place = CLASSES.index(row["class"]), "abc".index(row["branch"]), CLASSES.index(row["probability_of"])
        assert float(row["weight"]) == pytest.approx(mean[place], abs=6e-5)
        assert float(row["std"]) == pytest.approx(std[place], abs=6e-5)


def test_the_printed_table_has_each_branchs_weight_of_the_class_itself():
    weights = Weights.of(fusion())
    title, *lines = weights.table().splitlines()
    assert title == "weight of each branch's probability of the class itself, mean over folds ± deviation:"
    assert lines[0].split() == ["a", "b"]
    for number, (name, line) in enumerate(zip(CLASSES, lines[1:], strict=True)):
        wanted = [f"{weights.mean[number, i, number]:.2f} ± {weights.std[number, i, number]:.2f}" for i in range(2)]
        assert line.startswith(name.ljust(7))
        assert [cell.strip() for cell in line[5:].replace(" ± ", "±").split()] == [w.replace(" ", "") for w in wanted]
    assert weights.mean[0, 1, 0] > weights.mean[0, 0, 0]  # the better branch counts for more


def test_a_class_that_no_fold_was_fitted_on_is_left_empty_and_one_that_some_were_is_theirs(tmp_path):
    fitted = fusion()
    for i, (part, fold, emotion) in enumerate(
        zip(fitted.members[0].part, fitted.members[0].fold, fitted.members[0].emotions, strict=True)
    ):
        if part == "training" and (emotion == "sad" or (emotion == "happy" and fold == 1)):
            fitted.members[0].emotions[i] = "angry"
    for i in fitted.members[0].where("training", 1)[:3]:
        fitted.members[0].emotions[i] = "happy"
    weights = Weights.of(fitted)
    found = rows(weights, tmp_path / "weights.csv")
    assert {row["weight"] == row["std"] == "" for row in found if row["class"] == "sad"} == {True}
    assert {row["weight"] == "" for row in found if row["class"] != "sad"} == {False}
    # of two classes, the softmax sees the difference: each one's weights are the other's with the sign turned
    np.testing.assert_allclose(weights.mean[0], -weights.mean[1], atol=1e-12)
    assert weights.table().splitlines()[-1].split() == ["sad", "-", "-"]


@pytest.mark.parametrize("method", ["weighted_average", "gated"])
def test_one_number_a_branch(method, tmp_path):
    fitted = fusion("abc", method=method)
    found = rows(Weights.of(fitted), tmp_path / "weights.csv")
    assert [(row["class"], row["branch"], row["probability_of"]) for row in found] == [("", name, "") for name in "abc"]
    assert sum(float(row["weight"]) for row in found) == pytest.approx(1, abs=2e-4)
    if method == "weighted_average":
        shares = [one.numbers["weights"] for one in fitted.fitted]
    else:
        tested = [[m.probabilities(m.where("test", fold)) for m in fitted.members] for fold in range(FOLDS)]
        shares = [
            one.gate.weigh(np.hstack(members) - 1 / 3)[0].mean(axis=1)
            for one, members in zip(fitted.fitted, tested, strict=True)
        ]
    np.testing.assert_allclose([float(row["weight"]) for row in found], np.mean(shares, axis=0), atol=6e-5)
    np.testing.assert_allclose([float(row["std"]) for row in found], np.std(shares, axis=0, ddof=1), atol=6e-5)
    assert Weights.of(fitted).table().splitlines()[2].startswith("all classes  ")


def test_the_tables_are_copied_to_where_people_compare(project):
    Weights.of(fusion()).write(project.folder / "data/predictions/f/weights.csv")
    copy_weights(["f"], project.folder / "metrics/weights")
    files = project.files()
    assert files["metrics/weights/f.csv"] == files["data/predictions/f/weights.csv"]
    with pytest.raises(UserError, match=r"data/predictions/g/weights\.csv: is missing; `dvc repro` makes it"):
        copy_weights(["f", "g"], project.folder / "metrics/weights")
