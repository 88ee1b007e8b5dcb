"""A fusion as a branch: what it leaves for an outer one to be fitted on, and that none of it knows its own labels."""

import numpy as np
import pytest
from branches import FOLDS, PARTS, branch, rows_of, speaker_of

from pipeline.config.fusions import FusionParams
from pipeline.errors import UserError
from pipeline.experiments.cross_fitting import cross_fits
from pipeline.experiments.fusion import fuse
from pipeline.experiments.fusion_methods import logistic_regression
from pipeline.experiments.predictions import Predictions

METHODS = ("logistic_regression", "weighted_average", "gated", "stacking")


def params(of="ab", **options):
    if options.get("method") == "stacking":
        options |= {"classifier": "LinearDiscriminantAnalysis"}
    return FusionParams(of=list(of), **options)


def pair(**card):
    return {"a": branch(1, 1.0, **card), "b": branch(2, 1.5, **card)}


# --- what a fusion leaves ---


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fit_on", ["training", "validation"])
def test_it_leaves_every_part_of_its_branches(method, fit_on):
    found = fuse("f", params(method=method, fit_on=fit_on), pair())
    first = branch(1, 1.0)
    for fold in range(FOLDS):
        for part in PARTS:
            rows, own = found.where(part, fold), first.where(part, fold)
            for name in ("keys", "emotions", "speakers"):
                assert [getattr(found, name)[i] for i in rows] == [getattr(first, name)[i] for i in own]
            np.testing.assert_allclose(found.probabilities(rows).sum(axis=1), 1)


def test_fitted_on_other_folds_it_leaves_the_test_part_only():
    assert set(fuse("f", params(fit_on="other_folds"), pair()).part) == {"test"}


def test_a_part_that_a_branch_lacks_is_left_out():
    found = fuse("f", params(fit_on="validation"), pair() | {"b": branch(2, 1.5, parts=("test", "validation"))})
    assert set(found.part) == {"test", "validation"}


def test_the_part_it_is_not_fitted_on_is_predicted_plainly():
    branches = pair()
    found = fuse("f", params(fit_on="training"), branches)
    for fold in range(FOLDS):
        training, validation = (
            [each.probabilities(each.where(part, fold)) for each in branches.values()]
            for part in ("training", "validation")
        )
        y = branches["a"].labels(branches["a"].where("training", fold))
        np.testing.assert_array_equal(
            rows_of(found, fold, "validation"), logistic_regression(training, y, 1.0)(validation)
        )


@pytest.mark.parametrize("dependent", [False, True])
def test_groups_are_predicted_by_what_was_fitted_on_the_others(dependent):
    branches = pair(speaker_dependent=dependent)
    found = fuse("f", params(), branches)
    first = branches["a"]
    for fold in range(FOLDS):
        rows = first.where("training", fold)
        keys = [first.keys[i] for i in rows]
        stacks = [each.probabilities(each.where("training", fold)) for each in branches.values()]
        y = first.labels(rows)
        wanted = np.zeros((12, 3))
        for rest, held_out in cross_fits(y, keys if dependent else [speaker_of(key) for key in keys], 0):
            assert not {*rest} & {*held_out}
            if not dependent:
                assert not {speaker_of(keys[i]) for i in rest} & {speaker_of(keys[i]) for i in held_out}
            fused = logistic_regression([each[rest] for each in stacks], y[rest], 1.0)
            wanted[held_out] = fused([each[held_out] for each in stacks])
        np.testing.assert_array_equal(rows_of(found, fold, "training"), wanted)


# --- cutting a part ---


def test_a_part_is_cut_into_five_each_of_near_equal_class_counts():
    y, groups = np.tile([0, 1, 2, 1], 50), [f"s{i // 10}" for i in range(200)]
    cuts = cross_fits(y, groups, 3)
    assert len(cuts) == 5
    assert sorted(np.concatenate([held_out for _, held_out in cuts])) == list(range(200))
    for rest, held_out in cuts:
        assert sorted([*rest, *held_out]) == list(range(200))
        assert len(held_out) == 40
        assert np.abs(np.bincount(y[held_out]) - [10, 20, 10]).max() <= 1


@pytest.mark.parametrize(
    ("y", "groups", "cuts"),
    [
        ([0, 1, 0, 1, 0, 1], "aabbcc", 3),  # as many as there are speakers
        ([0, 1, 0, 1], "abcd", 2),  # or utterances of an emotion
        ([0, 1, 0, 1], "aaaa", 0),
        ([0, 0, 1, 1], "aabb", 0),  # without either, there is one emotion to fit on
        ([0, 0, 0], "abc", 0),
        ([0, 1, 2], "abc", 0),
        ([], "", 0),
    ],
)
def test_small_parts(y, groups, cuts):
    assert len(cross_fits(np.array(y, np.int64), list(groups), 0)) == cuts


def test_a_part_of_one_speaker_is_left_out_and_an_outer_fusion_says_so():
    branches = pair()
    for found in branches.values():
        found.speakers = [
            "s" if part == "validation" else name for part, name in zip(found.part, found.speakers, strict=True)
        ]
    inner = fuse("f", params(method="weighted_average"), branches)
    assert set(inner.part) == {"test", "training"}
    assert set(fuse("g", params("fa", fit_on="training"), {"f": inner, **branches}).part) == set(PARTS) - {"validation"}
    message = (
        "g: f has no validation probabilities to fit on; it was fitted on them itself, and they are too few to be cut"
    )
    with pytest.raises(UserError, match=message):
        fuse("g", params("fa", fit_on="validation"), {"f": inner, **branches})


# --- fusions of fusions ---


@pytest.mark.slow
@pytest.mark.parametrize("outer", METHODS)
@pytest.mark.parametrize("inner", METHODS)
@pytest.mark.parametrize("fit_on", ["training", "validation", "other_folds"])
def test_a_fusion_of_a_fusion_and_a_branch(inner, outer, fit_on, tmp_path):
    branches = pair() | {"c": branch(3, 1.2)}
    fuse("f", params(method=inner), branches).write(tmp_path)
    branches["f"] = Predictions.read(tmp_path)
    found = fuse("g", params("fc", method=outer, fit_on=fit_on), branches)
    assert len(found.where("test")) == 36
    assert found.card["inputs"] == ["f", "c"]
    tested = found.where("test")
    assert (found.probabilities(tested).argmax(axis=1) == found.labels(tested)).mean() > 0.6


def test_marks_go_up():
    branches = pair() | {"c": branch(3, 1.2), "d": branch(4, 1.0, transductive=True, random_backbone=True)}
    branches["f"] = fuse("f", params("bd"), branches)
    found = fuse("g", params("acf"), branches)
    assert found.card["random_backbone"]
    assert found.card["transductive"]
    assert not found.card["speaker_dependent"]
    assert fuse("g", params("abc"), branches).card["random_backbone"] is False


def test_an_inner_fusion_that_learnt_its_part_by_heart_does_not_say_so_to_the_outer_one():
    """Of four branches of noise, twelve utterances can be learnt perfectly; of others, nothing is known."""
    branches = {name: branch(seed, 0.0) for seed, name in enumerate("abcd")}
    found = fuse("f", params("abcd", c=1e6), branches)
    rows = found.where("training")
    assert (found.probabilities(rows).argmax(axis=1) == found.labels(rows)).mean() < 0.6
    own = branches["a"].where("training", 0)
    stacks = [each.probabilities(own) for each in branches.values()]
    labels = branches["a"].labels(own)
    assert (logistic_regression(stacks, labels, 1e6)(stacks).argmax(axis=1) == labels).all()


@pytest.mark.parametrize("fit_on", ["training", "validation", "other_folds"])
def test_what_was_fitted_on_other_folds_is_no_branch(fit_on):
    branches = pair() | {"f": fuse("f", params(fit_on="other_folds"), pair())}
    with pytest.raises(UserError, match=r"g: its branch f is fitted on other_folds, so that .*; give f another fit_on"):
        fuse("g", params("fa", fit_on=fit_on), branches)


@pytest.mark.parametrize(
    ("card", "what"),
    [
        ({"corpus": "other"}, "corpus"),
        ({"protocol": {"scheme": "grouped_kfold"}}, "protocol"),
        ({"emotions": {"happy": ["happy", "excited"]}}, "emotions"),
    ],
)
def test_the_error_names_the_two_branches_that_differ_and_in_what(card, what):
    branches = pair() | {"c": branch(3, 1.0, **card)}
    with pytest.raises(UserError, match=f"f: its branches a and c differ in {what}"):
        fuse("f", params("abc"), branches)


# --- the file ---


def test_speakers_are_kept(tmp_path):
    found = branch(1, 1.0)
    found.write(tmp_path)
    assert Predictions.read(tmp_path).speakers == found.speakers
    assert (tmp_path / "probabilities.csv").read_text().startswith("fold,part,key,emotion,speaker,p_angry,")


def test_a_file_of_before_there_were_speakers_is_refused(tmp_path):
    branch(1, 1.0).write(tmp_path)
    path = tmp_path / "probabilities.csv"
    lines = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("\n".join(",".join(line[:4] + line[5:]) for line in lines) + "\n")
    with pytest.raises(UserError, match=r"its columns are not .*speaker, \.\.\.\); `dvc repro` makes them"):
        Predictions.read(tmp_path)
