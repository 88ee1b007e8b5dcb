"""`ser bench train --only PART` runs; what it finds is not tested."""

import json

import pytest
from click.testing import CliRunner

from pipeline.bench.trainings import SYSTEMS
from pipeline.cli import main


def bench(*arguments):
    return CliRunner().invoke(main, ["bench", "train", *arguments])


def test_the_probe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = bench("--quick", "--only", "probe", "--json", "figures.json")
    assert result.exit_code == 0, result.output
    names = [figure["name"] for figure in json.loads((tmp_path / "figures.json").read_text())["figures"]]
    assert "scikit-learn, of the choice" in names
    assert "choice and fit" in names


def test_an_epoch_of_each_system(tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    result = bench("--quick", "--only", "epochs", "--json", "figures.json")
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert len(figures) == 2 * len(SYSTEMS)
    assert all(figure["value"] > 0 for figure in figures)


@pytest.mark.slow
def test_a_compiled_epoch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = bench("--quick", "--only", "compile", "--json", "figures.json")
    assert result.exit_code == 0, result.output
    (figure,) = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert figure["value"] > 0
    assert "more for all 2 epochs" in figure["note"]


def test_nothing_is_compiled_without_a_compiler(monkeypatch):
    torch = pytest.importorskip("torch")

    def refuse(*_):
        raise RuntimeError("no C++ compiler\nand a long story")

    monkeypatch.setattr(torch, "compile", refuse)
    result = bench("--quick", "--only", "compile")
    assert result.exit_code == 1
    assert "compile: not run: torch cannot compile here: no C++ compiler" in result.output
    assert "story" not in result.output


def test_a_part_that_is_none():
    result = bench("--only", "prob")
    assert result.exit_code
    assert "unknown part 'prob' (did you mean 'probe'?); known: steps, curves, probe, epochs, compile" in result.output
