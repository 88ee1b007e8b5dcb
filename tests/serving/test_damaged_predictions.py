"""`ser export` of what was cross-validated, where files of the predictions are damaged: one line, and no export."""

import shutil
from pathlib import Path

import pytest
from in_process import ser
from trained_project import trained_project

FILES = Path("data/predictions/again")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return trained_project(tmp_path_factory.getbasetemp())


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("probabilities.csv", lambda text: text.replace("angry/anna_1", "a" * 200_000, 1)),
        ("probabilities.csv", lambda text: f"{text.rstrip().rpartition(',')[0]},nan\n"),
        ("card.json", lambda text: "[]"),
        ("card.json", lambda text: "{}"),
        ("folds.json", lambda text: "[1]"),
        ("folds.json", lambda text: '[{"train": [1], "validation": [], "test": []}]'),
    ],
)
def test_damaged_predictions_are_said_in_a_line(trained, tmp_path, monkeypatch, name, damage):
    shutil.copytree(trained.folder / "data", tmp_path / "data")
    shutil.copy(trained.params, tmp_path)
    monkeypatch.chdir(tmp_path)
    text = (FILES / name).read_text()
    (FILES / name).write_text(damage(text))
    done = ser("export", "again", "--to", "out")
    assert (done.exit_code, Path("out").exists()) == (1, False)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {FILES}")
    assert "`dvc repro` makes" in line
