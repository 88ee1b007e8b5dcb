"""What experiments and fusions cost: parameters and operations, never times."""

import pytest
from toy_predictions import ROWS, predictions, run

from pipeline.evaluation.cost import cost_rows
from pipeline.evaluation.training_cost import training_cost, training_costs

OWN = {"parameters": 10, "pretrained_parameters": 100, "operations": 1.5e9, "pretrained_operations": 2e9}
OTHER = {"parameters": 1, "pretrained_parameters": 0, "operations": 5.0, "pretrained_operations": 0.0}
FUSIONS = {
    "pair": {"system": "fusion (gate)", "inputs": ["one", "two"]},
    "outer": {"system": "fusion (gate)", "inputs": ["pair", "one"]},
}


def rows(one, two):
    cards = {"one": {"system": "caf", "cost": one}, "two": {"system": "svm", "cost": two}, **FUSIONS}
    nothing = dict.fromkeys(cards, (None, None))
    return {name: figures for name, _, *figures, _, _ in cost_rows(cards, nothing)}


def test_the_pretrained_model_is_added():
    assert rows(OWN, OTHER)["one"] == ["10", "110", "1500000000", "3500000000"]
    assert rows(OWN, OTHER)["two"] == ["1", "1", "5", "5"]


def test_a_fusion_costs_what_its_experiments_cost_each_once():
    found = rows(OWN, OTHER)
    assert found["pair"] == found["outer"] == ["11", "111", "1500000005", "3500000005"]


def feature(digest, parameters=100, operations=2e9):
    return {"digest": digest, "weights": "w", "parameters": parameters, "operations": operations}


@pytest.mark.parametrize(
    ("digests", "operations"), [(("a", "a"), "3500000005"), (("a", "b"), "5500000005")], ids=["shared", "of two kinds"]
)
def test_a_model_that_branches_share_is_counted_once_and_run_once_for_the_same_features(digests, operations):
    one = {**OWN, "features": [feature(digests[0])]}
    two = {**OTHER, "pretrained_parameters": 100, "pretrained_operations": 2e9, "features": [feature(digests[1])]}
    assert rows(one, two)["pair"] == ["11", "111", "1500000005", operations]


def test_what_is_not_known_is_empty():
    found = rows(OWN, {**OTHER, "pretrained_parameters": None, "operations": None})
    assert found["two"] == ["1", "", "", ""]
    assert found["pair"] == ["11", "", "", ""]
    assert rows(OWN, None)["pair"] == [""] * 4


def test_the_file(tmp_path):
    run(tmp_path, {"known": predictions(cost=OTHER), "card_of_old": predictions()})
    assert (tmp_path / "cost.csv").read_text().splitlines() == [
        "experiment,system,parameters,parameters_with_pretrained,operations_per_second,"
        "operations_per_second_with_pretrained,training_operations_per_epoch,training_operations",
        "known,toy,1,1,5,5,240,480",
        "card_of_old,toy,,,,,,",
    ]


def test_a_training_step_is_three_predictions_of_every_utterance():
    found = predictions(cost={**OTHER, "operations": 1e6})
    median = sorted(row.length for row in ROWS)[len(ROWS) // 2]
    trained = [len(fold["train"]) for fold in found.folds]
    found.curves = found.curves[:-1]  # the last fold has an epoch, the others two
    cost = training_cost(found, ROWS)["training"]
    assert cost["epochs"] == 1.75
    assert cost["operations_per_epoch"] == pytest.approx(3e6 * median * trained[0])
    assert cost["operations"] == pytest.approx(1.75 * cost["operations_per_epoch"])


@pytest.mark.parametrize("card", [{"transfer": {"source": "x"}}, {"balance": "corpus"}, {"cost": None}])
def test_where_it_is_not_known_how_many_were_trained_on_there_is_no_cost(card):
    assert training_cost(predictions(**{"cost": OTHER, **card}), ROWS) == {}


def test_a_fusion_is_trained_as_its_branches_are():
    results = {name: {"training": {"operations_per_epoch": 1, "operations": 7}} for name in ("one", "two")}
    cards = {"one": {"system": "caf"}, "two": {"system": "svm"}, **FUSIONS}
    assert training_costs(cards, results)["outer"] == (2, 14)
    assert training_costs(cards, {"one": results["one"]})["outer"] == (None, None)
