"""Every source by every target: transfers off the diagonal, experiments on it, and what leaves one corpus out."""

import csv

import pytest
from toy_predictions import predictions

from pipeline.evaluation.transfer_matrix import (
    NUMBERS,
    OTHERS,
    matrices_of,
    transfer_matrices,
    write_transfers,
)
from pipeline.evaluation.transfer_setting import setting_of
from pipeline.report.marks import transfer_text
from pipeline.report.pictures.svg import svg
from pipeline.report.pictures.transfer_matrix import draw_matrices
from pipeline.report.transfers import transfers_section


def experiment(corpus, **card):
    inputs = {"ssl": "ssl"}
    return predictions(corpus_name=corpus, **{"system": "probe", "inputs": inputs, "params": {"c": 1.0}, **card})


def transfer(source, of, target, share=0.0, params=None, only=None, **origin):
    about = {"source": source, "corpus": of, "tune": "all", "weights": "folds", "align": "none", "align_by": "corpus"}
    protocol = {"scheme": "transfer", "share": share, "of": "speakers", "repeats": 5 if share else 1}
    return experiment(
        target, transfer={**about, **origin}, protocol=protocol, params=params or {"c": 1.0}, only=only or {}
    )


def result(ua, draws=()):
    spread = {"over_splits": {"UA": {"mean": ua, "std": 0.02, "values": list(draws)}}} if draws else {}
    return {"scores": {"UA": ua}, "interval": {"UA": [ua - 0.1, ua + 0.1]}, "utterances": 16, "groups": {}, **spread}


@pytest.fixture
def scored():
    found = {
        "a": experiment("one"),
        "b": experiment("two"),
        "other": experiment("one", system="pooled"),
        "a_b": transfer("a", "one", "two"),
        "b_a": transfer("b", "two", "one"),
        "a_b_tuned": transfer("a", "one", "two", share=0.2),
        "a_b_head": transfer("a", "one", "two", share=0.2, tune="head", align="coral", align_by="speaker"),
    }
    results = {name: result(0.5 + 0.05 * i) for i, name in enumerate(found)}
    results["a_b_tuned"] = result(0.8, draws=(0.78, 0.82))
    return found, results


def test_a_matrix_has_transfers_beside_what_is_within_a_corpus(scored):
    zero, tuned, head = transfer_matrices(*scored)
    assert zero.system == "probe (ssl), 2 classes"
    assert [zero.setting, tuned.setting] == ["zero-shot", "20 % of the speakers, all tuned"]
    assert head.setting == "20 % of the speakers, head tuned, coral by speaker"
    assert (zero.sources, zero.targets) == (["one", "two"], ["one", "two"])
    names = {pair: [cell.name for cell in cells] for pair, cells in zero.cells.items()}
    assert names == {
        ("one", "one"): ["a"],
        ("two", "two"): ["b"],
        ("one", "two"): ["a_b"],
        ("two", "one"): ["b_a"],
    }
    assert [cell.is_within for cell in zero.cells["one", "one"]] == [True]
    assert [(cell.name, cell.score, cell.std) for cell in tuned.cells["one", "two"]] == [("a_b_tuned", 0.8, 0.02)]


def test_transfers_that_differ_in_their_own_params_or_recordings_share_no_cell(scored):
    found, results = scored
    own = {"corpus": {"normalisation": "per_corpus"}, "training": {"self_training": [0.5, 0.5], "c": 1.0}}
    for name, params in own.items():
        found[name] = transfer("a", "one", "two", params=params, fitted_again=True)
    found["female"] = transfer("a", "one", "two", only={"gender": ["female"]})
    matrices = transfer_matrices(found, results | dict.fromkeys([*own, "female"], result(0.4)))
    assert all(len(cells) == 1 for matrix in matrices for cells in matrix.cells.values())
    assert [matrix.setting for matrix in matrices if "one" in matrix.sources and "two" in matrix.targets][-3:] == [
        "zero-shot, fitted again with normalisation per_corpus",
        "zero-shot, fitted again with self_training [0.5, 0.5]",
        "zero-shot, female",
    ]


def test_long_params_are_shortened_and_told_apart(scored):
    found, results = scored
    for last in (1, 2):
        params = {"c": 1.0, "a": list(range(20)), "b": 1, "d": 2, "e": last}
        found[f"long{last}"] = transfer("a", "one", "two", share=0.2, params=params, fitted_again=True)
        results[f"long{last}"] = result(0.4)
    *_, first, second = transfer_matrices(found, results)
    start = "fitted again with 20 % of the speakers and a [0, 1, 2, 3, 4, 5, 6, 7…, b 1, d 2, 1 more, as "
    assert (first.setting[: len(start)], second.setting[: len(start)]) == (start, start)
    assert first.setting != second.setting


@pytest.mark.parametrize(
    ("card", "title"), [({"labels": "votes"}, "labels votes"), ({"balance": "corpora"}, "balance corpora")]
)
def test_systems_that_were_trained_otherwise_are_two_matrices(scored, card, title):
    found, results = scored
    found["c"], found["c_b"] = experiment("one", **card), transfer("c", "one", "two")
    titles = {matrix.system for matrix in transfer_matrices(found, results | {"c": result(0.1), "c_b": result(0.2)})}
    assert titles == {f"probe (ssl), 2 classes, no {title.split()[0]}", f"probe (ssl), 2 classes, {title}"}


def test_systems_without_copies_share_no_matrix_with_those_that_had_some(scored):
    found, results = scored
    for fold in (fold for name in ("b", "other") for fold in found[name].folds):
        fold["train"] = [key for key in fold["train"] if "@" not in key]
    titles = {matrix.system for matrix in transfer_matrices(found, results)}
    assert titles == {"probe (ssl), 2 classes, copies 10dB", "probe (ssl), 2 classes, no copies"}


def test_utterances_that_several_draws_test_are_counted_once(scored):
    found, results = scored
    one, again = (transfer("a", "one", "two", share=0.2) for _ in range(2))
    for name in ("fold", "part", "keys", "emotions", "speakers", "rows"):
        setattr(one, name, [*getattr(one, name), *getattr(again, name)])
    found["a_b_tuned"] = one
    results["a_b_tuned"]["utterances"] = 32
    assert transfer_matrices(found, results)[1].cells["one", "two"][0].utterances == 16


def test_the_picture_says_that_a_cell_has_several_scores(scored):
    found, results = scored
    assert "+1" not in svg(lambda: draw_matrices(transfer_matrices(found, results)))
    found["a_again"] = experiment("one", protocol={"scheme": "stratified_split"})
    picture = svg(lambda: draw_matrices(transfer_matrices(found, results | {"a_again": result(0.3)})))
    assert ">50.0 +1<" in picture
    assert "+1: with one more score" in picture


@pytest.mark.parametrize(
    ("share", "origin", "setting", "text"),
    [
        (0.2, {}, "20 % of the speakers, all tuned", "from a, tuned on 20 % of the speakers"),
        (
            0.2,
            {"fitted_again": True},
            "fitted again with 20 % of the speakers",
            "from a, fitted again with 20 % of the ",
        ),
        (
            0.2,
            {"weights": 1, "tune": "head"},
            "20 % of the speakers, head tuned, from fold 1",
            "from fold 1 of a, head ",
        ),
        (
            0.2,
            {"weights": "fresh"},
            "20 % of the speakers, trained on it alone",
            "trained only on 20 % of the speakers",
        ),
        (0.0, {"weights": 1}, "zero-shot, from fold 1", "zero-shot from fold 1 of a"),
        (0.0, {"fitted_again": True}, "zero-shot, fitted again", "zero-shot from a, fitted again"),
    ],
)
def test_what_is_trained_on_what_of_the_target_is_said(share, origin, setting, text):
    one = transfer("a", "one", "two", share, **origin)
    assert setting_of(one, experiment("one")) == setting
    assert transfer_text(one.card).startswith(text)


def test_an_experiment_that_leaves_one_corpus_out_is_a_row_of_all_others():
    found = {"joint": experiment("one + two", protocol={"scheme": "leave_one_corpus_out"})}
    found["joint"].keys = [f"{'one' if i % 2 else 'two'}/{key}" for i, key in enumerate(found["joint"].keys)]
    table = {"one": {"n": 8, "UA": 0.6, "low": 0.5, "high": 0.7}, "two": {"n": 9, "UA": 0.4}}
    (matrix,) = transfer_matrices(found, {"joint": {**result(0.5), "groups": {"corpus": table}}})
    assert (matrix.sources, matrix.targets) == ([OTHERS], ["one", "two"])
    assert matrix.cells[OTHERS, "two"][0].low is None
    assert matrix.cells[OTHERS, "one"][0].utterances == 8


def test_systems_that_differ_in_a_param_are_two_matrices_with_its_name(scored):
    found, results = scored
    found["c"] = experiment("one", params={"c": 3.0})
    found["c_b"] = transfer("c", "one", "two", params={"c": 3.0})
    results |= {"c": result(0.1), "c_b": result(0.2)}
    titles = {matrix.system for matrix in transfer_matrices(found, results)}
    assert titles == {"probe (ssl), 2 classes, c 1.0", "probe (ssl), 2 classes, c 3.0"}


def test_the_table_holds_all_of_the_matrices(scored, tmp_path):
    matrices = transfer_matrices(*scored)
    write_transfers(matrices, tmp_path / "transfers.csv")
    with (tmp_path / "transfers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = [{**row, **{n: float(row[n]) if row[n] else None for n in NUMBERS}} for row in rows]
    again = matrices_of(numbers)
    assert [(one.system, one.setting) for one in again] == [(one.system, one.setting) for one in matrices]
    assert [{k: [c.name for c in v] for k, v in m.cells.items()} for m in again] == [
        {k: [c.name for c in v] for k, v in m.cells.items()} for m in matrices
    ]
    assert [cell.std for cell in again[1].cells["one", "two"]] == [0.02]


def test_without_transfers_there_is_no_table_and_no_section(tmp_path):
    assert transfer_matrices({"a": experiment("one")}, {"a": result(0.5)}) == []
    write_transfers([], tmp_path / "transfers.csv")
    assert [*tmp_path.iterdir()] == []
    assert transfers_section([]) == ""


def test_the_summary_and_the_picture_show_scores_intervals_and_spread(scored):
    matrices = transfer_matrices(*scored)
    text = transfers_section(matrices)
    assert "| one        | 50.0 [40.0, 60.0] | 65.0 [55.0, 75.0] |" in text
    assert "80.0 [70.0, 90.0] ± 2.0" in text
    picture = svg(lambda: draw_matrices(matrices))
    assert picture == svg(lambda: draw_matrices(matrices))
    assert ">65.0<" in picture
    assert "zero-shot: UA (%)" in picture
