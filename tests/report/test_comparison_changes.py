"""Which params concern an experiment, whatever stands in params.yaml."""

import pytest
import yaml
from conftest import PARAMS

from pipeline.report.comparison.changes import NOT_THERE, changes, cut


def edited(old, new, text=PARAMS):
    assert old in text
    return yaml.safe_load(text.replace(old, new))


BEFORE = yaml.safe_load(PARAMS)


@pytest.mark.parametrize(
    ("old", "new", "concerned"),
    [
        ("n_mfcc: 12", "n_mfcc: 13", {"statistics", "again", "both"}),
        ("n_fft: 512", "n_fft: 400", {"statistics", "again", "picture", "both"}),
        ("snr: [10, 20]", "snr: [10]", {"picture"}),
        ("folds: 3", "folds: 2", {"picture"}),
        ("fit_on: validation", "fit_on: training", {"both"}),
        ("layers: [1]", "layers: [2]", set()),
        ("sentences: 1", "sentences: 2", set()),
        ("seed: 0", "seed: 1", {"statistics", "again", "picture", "both"}),
        ("seed: 0", "seed: 0\narithmetic: portable", {"statistics", "again", "picture", "both"}),
        ("epochs: 1", "epochs: true", {"picture"}),  # equal to 1 in Python
        ("fusions:\n", "fusions: {}\nkeep:\n", set()),  # nothing is known of a fusion that is in one file only
    ],
)
def test_a_change_is_one_of_all_that_depend_on_it(old, new, concerned):
    after = edited(old, new)
    assert {name for name in ("statistics", "again", "picture", "both") if changes(name, BEFORE, after)} == concerned


def test_a_change_has_its_key_and_both_values():
    (change,) = changes("picture", BEFORE, edited("{epochs: 1}", "{epochs: 1, dropout: 0.5}"))
    assert (change.key, change.before, change.after) == ("experiments.picture.params.dropout", NOT_THERE, 0.5)
    (back,) = changes("picture", edited("{epochs: 1}", "{epochs: 1, dropout: 0.5}"), BEFORE)
    assert (back.before, back.after) == (0.5, NOT_THERE)


def test_a_class_set_is_one_of_all_that_name_it():
    before = edited("logmel: mel, params", "logmel: mel, emotions: four, params")
    before["class_sets"] = {"four": ["angry", "happy"], "other": ["sad"]}
    (change,) = changes("picture", before, before | {"class_sets": {"four": ["angry", "sad"], "other": []}})
    assert (change.key, change.before, change.after) == ("class_sets.four", ["angry", "happy"], ["angry", "sad"])
    assert changes("statistics", before, before | {"class_sets": {}}) == []


def test_published_figures_are_no_change():
    assert changes("picture", BEFORE, edited("logmel: mel, params", "logmel: mel, published: {UA: 80}, params")) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"experiments": ["picture"]},
        {"experiments": {"picture": 3}},
        {"experiments": {"picture": {"corpus": 3, "logmel": [1, {"a": 2}]}}, "demo": 4},
        {"fusions": {"picture": {"of": ["picture"]}}},
    ],
)
def test_params_of_any_other_shape_are_no_error(wrong):
    changes("picture", BEFORE, wrong)
    changes("picture", wrong, BEFORE)


def test_a_long_text_has_its_ends():
    assert cut("short", 5) == "short"
    assert cut("abcdefghij", 5) == "ab…ij"
    assert cut("abcdefghij", 6) == "abc…ij"
    assert [len(cut("x" * 50, width)) for width in range(1, 50)] == [*range(1, 50)]
