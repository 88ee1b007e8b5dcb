"""What a system costs, on its card and on the terminal: its own figures and those of its pretrained model."""

import json

import numpy as np
import pytest

from pipeline.experiments.cost import Cost
from pipeline.experiments.fold_result import FoldResult
from pipeline.storage.header import Header


def result(operations=np.nan, seconds=np.nan, parameters=1234, frozen=0):
    return FoldResult({}, np.zeros(0, np.int64), np.zeros((0, 4)), b"", parameters, frozen, seconds, operations)


def header(**notes):
    return Header("ssl", "2", {}, 50.0, "toy", notes)


MODEL = header(weights="ab", model_parameters="94371712", model_operations="6.9e+09")
OTHER = header(weights="cd", model_parameters="1000", model_operations="1000000")
OLDER = header(weights="ef")


@pytest.mark.parametrize(
    ("operations", "seconds", "headers", "says"),
    [
        (np.nan, np.nan, [], "1,234 trained parameters"),
        (2.5e9, np.nan, [header()], "1,234 trained parameters, 2.5 GFLOP per second of speech"),
        (987.0, np.nan, [], "1,234 trained parameters, 0.987 kFLOP per second of speech"),
        (14.7e6, 2.0, [OLDER], "1,234 trained parameters, 14.7 MFLOP per second of speech, 3 s per epoch"),
        (
            14.7e6,
            2.0,
            [header(), MODEL],
            "1,234 trained parameters, 14.7 MFLOP per second of speech, 3 s per epoch; "
            "pretrained: 94,371,712 parameters, 6.9 GFLOP per second of speech",
        ),
    ],
)
def test_costs_are_of_the_first_folds_operations_and_of_the_mean_time(operations, seconds, headers, says):
    assert str(Cost.of([result(operations, seconds), result(np.nan, 2 * seconds)], headers)) == says


@pytest.mark.parametrize(
    ("headers", "parameters", "operations"),
    [
        ([], 5, 0.0),
        ([header()], 5, 0.0),
        ([MODEL], 94371717, 6.9e9),
        ([MODEL, MODEL], 94371717, 6.9e9),
        ([MODEL, OTHER], 94372717, 6.901e9),
        ([MODEL, OLDER], None, None),
    ],
    ids=["no features", "without a model", "a model", "one model twice", "two models", "a file that does not say"],
)
def test_each_model_is_counted_once_and_what_is_not_known_is_null(headers, parameters, operations):
    card = Cost.of([result(3.5, 2.0, frozen=5)], headers).card()
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    features = card.pop("features")
    assert {feature["weights"] for feature in features} == {h.notes["weights"] for h in headers if h.notes}
    assert card == {
        "parameters": 1234,
        "pretrained_parameters": parameters,
        "operations": 3.5,
        "pretrained_operations": operations,
    }


def test_features_of_one_model_by_other_params_are_told_apart():
    clipped = Header("ssl", "2", {"clip": 7.0}, 50.0, "toy", MODEL.notes)
    cost = Cost.of([result(3.5, 2.0)], [MODEL, clipped])
    first, second = cost.card()["features"]
    assert (first["weights"], first["parameters"]) == (second["weights"], second["parameters"]) == ("ab", 94371712)
    assert first["digest"] != second["digest"]
    assert (cost.pretrained_parameters, cost.pretrained_operations) == (94371712, 2 * 6.9e9)
