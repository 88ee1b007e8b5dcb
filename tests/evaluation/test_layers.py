"""Scores by layer of a probe that tried each."""

import numpy as np
import pytest

from pipeline.config.scoring import ScoringParams
from pipeline.errors import UserError
from pipeline.evaluation.layers import layer_rows
from pipeline.experiments.predictions import Predictions
from pipeline.report.pictures.layers import draw_layers
from pipeline.report.pictures.svg import svg

CLASSES = ["happy", "sad"]
RIGHT, WRONG = [0.9, 0.1], [0.1, 0.9]


@pytest.fixture
def found():
    """Two folds of two happy utterances each; layer 0 is wrong in one of four, layer 1 never."""
    found = Predictions(CLASSES, card={"name": "x", "corpus": "mine"})
    for fold in range(2):
        keys = [f"u{fold}{i}" for i in range(2)]
        rows = {"0": np.array([RIGHT, RIGHT if fold else WRONG]), "1": np.array([RIGHT, RIGHT])}
        found.add(fold, "test", keys, ["happy", "happy"], ["s", "s"], rows["1"])
        found.add_layers(fold, rows, "1" if fold else "0")
        found.folds.append({"train": [], "validation": [], "test": keys})
    return found


def rows_of(found):
    return layer_rows(found, {"u00": "a", "u01": "a", "u10": "b", "u11": "b"}, ScoringParams(bootstrap=100), 0)


def test_each_layer_is_scored_on_all_test_utterances(found):
    rows = rows_of(found)
    assert [row[0] for row in rows] == ["0", "1"]
    assert [row[1] for row in rows] == ["0.7500", "1.0000"]
    assert [row[-1] for row in rows] == ["1", "1"]
    assert float(rows[0][2]) < 0.5  # two speakers, of whom one has 0.5 and one 1, tell little
    assert float(rows[0][3]) > 0.99
    assert rows[1][2:4] == ["0.5101", "1.0000"]  # no speaker has an error: Wilson's, of 4 of 4


def test_what_was_written_is_what_is_read(found, tmp_path):
    found.write(tmp_path)
    assert rows_of(Predictions.read(tmp_path)) == rows_of(found)
    (tmp_path / "layers.csv").unlink()
    assert rows_of(Predictions.read(tmp_path)) == []


@pytest.mark.parametrize("text", ["", "a,b\n", "fold,layer,chosen,key,p_happy,p_sad\n0,x,1,u,0.5,0.5\n"])
def test_a_damaged_table_of_layers(found, tmp_path, text):
    found.write(tmp_path)
    (tmp_path / "layers.csv").write_text(text)
    with pytest.raises(UserError, match="predictions missing or damaged"):
        Predictions.read(tmp_path)


def test_the_picture_is_the_same_twice(found):
    one, other = (svg(lambda: draw_layers("probe", ["mine"], rows_of(found), 50.0)) for _ in range(2))
    assert one == other
    assert "chance" in one
