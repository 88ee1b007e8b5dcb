"""Predictions come back as they were written, and damaged ones are refused."""

import numpy as np
import pytest
from toy_predictions import files_in, predictions

from pipeline.errors import UserError
from pipeline.experiments.predictions import Predictions


def test_predictions_come_back_as_they_were_written(tmp_path):
    found = predictions(1 / 3)
    found.write(tmp_path)
    again = Predictions.read(tmp_path)
    for name in ("classes", "fold", "part", "keys", "emotions", "folds", "card"):
        assert getattr(again, name) == getattr(found, name), name
    np.testing.assert_allclose(again.rows, found.rows, rtol=1e-5)
    assert again.curves == found.curves
    again.write(tmp_path / "again")
    assert files_in(tmp_path / "again") == {
        name: data for name, data in files_in(tmp_path).items() if not name.startswith("again")
    }


def test_predictions_are_written_byte_for_byte_alike(tmp_path):
    for name in ("one", "two"):
        predictions(1 / 3).write(tmp_path / name)
    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")
    assert set(files_in(tmp_path / "one")) == {"probabilities.csv", "folds.json", "curves.csv", "card.json"}
    text = (tmp_path / "one" / "probabilities.csv").read_bytes()
    assert b"\r" not in text
    assert text.splitlines()[0] == b"fold,part,key,emotion,speaker,p_angry,p_sad"


@pytest.mark.parametrize("name", ["probabilities.csv", "folds.json", "curves.csv", "card.json"])
def test_missing_predictions_name_the_folder(tmp_path, name):
    predictions().write(tmp_path / "toy")
    (tmp_path / "toy" / name).unlink()
    with pytest.raises(UserError, match="toy: predictions missing or damaged"):
        Predictions.read(tmp_path / "toy")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("probabilities.csv", ""),
        ("probabilities.csv", "fold,part,key,emotion,speaker,p_angry,p_sad\n0,test,k,sad,s,0.5\n"),
        ("probabilities.csv", "fold,part,key,emotion,speaker,p_angry,p_sad\n0,test,k,sad,s,0.5,x\n"),
        ("probabilities.csv", "fold,part,key,emotion,speaker,p_angry,p_sad\n0,test\n"),
        ("folds.json", "{"),
    ],
)
def test_damaged_predictions_name_the_folder(tmp_path, name, text):
    predictions().write(tmp_path / "toy")
    (tmp_path / "toy" / name).write_text(text)
    with pytest.raises(UserError, match="toy: predictions missing or damaged"):
        Predictions.read(tmp_path / "toy")
