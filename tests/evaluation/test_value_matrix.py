"""Every source by every target, of numbers: a matrix of CCC for each of them and for their mean."""

import csv

import numpy as np
import pytest

from pipeline.config.scoring import ScoringParams
from pipeline.evaluation.dimensions import value_scores
from pipeline.evaluation.transfer_layout import OTHERS
from pipeline.evaluation.value_matrix import NUMBERS, value_matrices, value_matrices_of, write_value_transfers
from pipeline.experiments.values import Values
from pipeline.report.pictures.svg import svg
from pipeline.report.pictures.transfer_matrix import draw_matrices
from pipeline.report.transfers import value_transfers_section
from pipeline.systems.regression.agreement import concordance

FAST = ScoringParams(bootstrap=100)
SPEAKERS, TAKES = 4, 3


def values(corpus, noise=0.5, targets=("valence", "arousal"), draws=1, **card):
    """Numbers that were predicted of each speaker's takes, in each draw, off by so much."""
    found = Values(list(targets))
    found.card = {"name": corpus, "system": "pooled", "inputs": {"mfcc": "mfcc"}, "params": {}, "corpus": corpus,
                  "protocol": {"scheme": "leave_one_speaker_out"}, "speaker_dependent": False, **card}  # fmt: skip
    rng = np.random.default_rng(0)
    keys = [f"u{i}" for i in range(SPEAKERS * TAKES)]
    if len(names := corpus.split(" + ")) > 1:
        keys = [f"{names[i % 2]}/{key}" for i, key in enumerate(keys)]
    for draw in range(draws):
        truth = rng.uniform(1, 5, (len(keys), len(targets)))
        guess = truth + noise * (1 + draw) * rng.normal(size=truth.shape)
        found.add(draw, "test", keys, [f"s{i % SPEAKERS}" for i in range(len(keys))], truth, guess)
        found.folds.append({"train": [], "validation": [], "test": keys})
    return found


def transfer(source, of, corpus, share=0.0, draws=1, **others):
    origin = {"source": source, "corpus": of, "tune": "all", "weights": "folds", "align": "none", "align_by": "corpus"}
    protocol = {"scheme": "transfer", "share": share, "of": "speakers", "repeats": draws}
    return values(corpus, noise=1.0, draws=draws, transfer=origin, protocol=protocol, **others)


@pytest.fixture
def found():
    return {
        "a": values("one"),
        "b": values("two", noise=0.1),
        "a_b": transfer("a", "one", "two"),
        "tuned": transfer("a", "one", "two", share=0.2, draws=3, transductive=True),
    }


def scored(found):
    return {name: value_scores(one, FAST, 0) for name, one in found.items()}


def test_a_matrix_of_each_target_has_transfers_beside_what_is_within_a_corpus(found):
    matrices = value_matrices(found, scored(found))
    assert [(matrix.setting, matrix.dimension) for matrix in matrices] == [
        (setting, dimension)
        for setting in ("zero-shot", "20 % of the speakers, all tuned")
        for dimension in ("valence", "arousal", "mean")
    ]
    assert {matrix.system for matrix in matrices} == {"pooled (mfcc), targets valence, arousal"}
    names = {pair: [cell.name for cell in cells] for pair, cells in matrices[0].cells.items()}
    assert names == {("one", "one"): ["a"], ("two", "two"): ["b"], ("one", "two"): ["a_b"]}
    truth, predicted = found["a_b"].numbers(found["a_b"].where("test"))
    own = concordance(predicted, truth)
    for matrix, ccc in zip(matrices, [*own, own.mean()], strict=False):
        (cell,) = matrix.cells["one", "two"]
        assert cell.score == pytest.approx(ccc)
        assert cell.low < cell.score < cell.high
        assert cell.std is None


def test_draws_have_a_spread_and_what_looks_at_the_target_is_marked(found):
    matrix = value_matrices(found, scored(found))[4]
    (cell,) = matrix.cells["one", "two"]
    draws = [concordance(*reversed(found["tuned"].numbers(found["tuned"].where("test", n))))[1] for n in range(3)]
    assert cell.std == pytest.approx(np.std(draws, ddof=1))
    assert (cell.utterances, cell.is_transductive) == (SPEAKERS * TAKES, True)


def test_sources_of_other_targets_share_no_matrix(found):
    found |= {"v": values("two", targets=["valence"]), "v_one": transfer("v", "two", "one", targets=["valence"])}
    *_, last = value_matrices(found, scored(found))
    assert (last.system, last.dimension) == ("pooled (mfcc), targets valence", "valence")
    assert {*last.cells} == {("two", "two"), ("two", "one")}


def test_an_experiment_that_leaves_one_corpus_out_is_a_row_of_all_others():
    joint = values("one + two", protocol={"scheme": "leave_one_corpus_out"})
    first, *_ = value_matrices({"joint": joint}, scored({"joint": joint}))
    assert (first.sources, first.targets, first.setting) == ([OTHERS], ["one", "two"], "zero-shot")
    rows = np.array([i for i, key in enumerate(joint.keys) if key.startswith("two/")])
    truth, predicted = joint.numbers(rows)
    (cell,) = first.cells[OTHERS, "two"]
    assert cell.score == pytest.approx(concordance(predicted, truth)[0])
    assert cell.utterances == len(rows)
    assert "corpora" not in value_scores(values("one"), FAST, 0)


def test_the_table_the_summary_and_the_picture_show_them(found, tmp_path):
    matrices = value_matrices(found, scored(found))
    write_value_transfers(matrices, tmp_path / "dimension_transfers.csv")
    with (tmp_path / "dimension_transfers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["dimension"] for row in rows} == {"valence", "arousal", "mean"}
    again = value_matrices_of([{**row, **{n: float(row[n]) if row[n] else None for n in NUMBERS}} for row in rows])
    assert [(each.title, [*each.cells]) for each in again] == [(each.title, [*each.cells]) for each in matrices]
    text = value_transfers_section(again)
    assert "pooled (mfcc), targets valence, arousal; zero-shot; CCC of arousal:" in text
    (cell,) = again[4].cells["one", "two"]
    assert f"{cell.score:.3f} [{cell.low:.3f}, {cell.high:.3f}] ± {cell.std:.3f}\\*" in text
    picture = svg(lambda: draw_matrices(matrices))
    assert f">{cell.score:.3f}*<" in picture
    assert "zero-shot: CCC of valence" in picture
    write_value_transfers([], tmp_path / "none.csv")
    assert not (tmp_path / "none.csv").exists()
    assert value_transfers_section([]) == ""
