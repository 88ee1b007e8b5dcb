"""What a probe's folds chose: written, read, counted, and said where it is an end of the grid."""

import pytest
from toy_predictions import FAST, ROWS, predictions

from pipeline.errors import UserError
from pipeline.evaluation.choices import choice_table, choices_in_words, edges
from pipeline.evaluation.evaluation import evaluate, write_details
from pipeline.experiments.predictions import Predictions
from pipeline.report.choices import choices_section, choices_text
from pipeline.report.summary import write_summary

GRID = {"C lowest": 0.001, "C highest": 0.1}


def chosen(*strengths, **more):
    """Predictions of four folds that chose these."""
    found = predictions()
    found.choices = [{"fold": fold, "C": c, **GRID, **more} for fold, c in enumerate(strengths)]
    return found


def test_choices_are_written_and_read(tmp_path):
    found = chosen(0.003, 0.1, 0.003, 0.003, layer=3)
    found.write(tmp_path)
    assert Predictions.read(tmp_path).choices == found.choices
    assert (tmp_path / "choices.csv").read_text().splitlines()[:2] == [
        "fold,C,C lowest,C highest,layer",
        "0,0.003,0.001,0.1,3",
    ]


def test_a_row_for_each_fold_says_where_the_grid_ends():
    assert choice_table(chosen(0.003, 0.1, 0.001, 0.003, layer=3)) == (
        ["fold", "C", "C is", "layer"],
        [["0", "0.003", "", "3"], ["1", "0.1", "highest", "3"], ["2", "0.001", "lowest", "3"], ["3", "0.003", "", "3"]],
    )


def test_choices_are_counted_in_words():
    assert choices_in_words(chosen(0.003, 0.1, 0.003, 0.003)) == [
        "C 0.003 in 3 of 4 folds; 0.1, the highest of the grid, in 1"
    ]
    shares = {"share of layer 0": 0.25, "share of layer 12": 0.75}
    assert choices_in_words(chosen(0.01, 0.01, **shares)) == [
        "C 0.01 in 2 of 2 folds",
        "mean shares: layer 0 0.25, layer 12 0.75",
    ]


@pytest.mark.parametrize(
    ("strengths", "said"),
    [
        ((0.1, 0.1, 0.1, 0.01), ["the highest C"]),
        ((0.001, 0.001, 0.001, 0.1), ["the lowest C"]),
        ((0.1, 0.1, 0.01, 0.01), []),
        ((0.01, 0.01, 0.01, 0.1), []),
    ],
)
def test_most_folds_at_the_edge_are_warned_of(strengths, said):
    assert edges(chosen(*strengths)) == said
    assert ("Beware: most folds chose" in choices_text(chosen(*strengths))) == bool(said)


def test_a_grid_of_one_value_has_no_edge():
    found = predictions()
    found.choices = [{"fold": 0, "C": 0.1, "C lowest": 0.1, "C highest": 0.1}]
    assert (edges(found), choice_table(found)[1]) == ([], [["0", "0.1", ""]])


def test_the_summary_and_a_table_of_metrics_have_them(tmp_path):
    all_of_them = {"probe": chosen(0.1, 0.1, 0.1, 0.003), "pooled": predictions()}
    results = evaluate(all_of_them, ROWS, FAST, 0)
    write_details(results, all_of_them, tmp_path)
    assert [path.name for path in (tmp_path / "choices").iterdir()] == ["probe.csv"]
    write_summary(tmp_path / "summary.md", results, all_of_them, set(), 0.95)
    assert (
        "- probe: C 0.1, the highest of the grid, in 3 of 4 folds; 0.003 in 1. Beware: most folds chose the highest C "
        "of the grid, so widen it.\n"
    ) in (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert choices_section({"pooled": predictions()}) == ""


@pytest.mark.parametrize("text", ["", "C,fold\n0.1,0\n", "fold,C\nx,0.1\n", "fold,C\n0,0.1,2\n", "fold,C\n0,high\n"])
def test_a_damaged_table_of_choices(tmp_path, text):
    predictions().write(tmp_path)
    (tmp_path / "choices.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="predictions missing or damaged"):
        Predictions.read(tmp_path)
