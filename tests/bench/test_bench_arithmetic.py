"""`ser bench arithmetic`: portable bytes do not move with the instruction set. What native ones do is not tested."""

import json

import pytest
from click.testing import CliRunner

from pipeline.bench.arithmetic import Run, moved
from pipeline.cli import main


def test_what_moved_is_named():
    usual = Run({"mfcc": "1", "ssl": "2", "caf": "3"}, {})
    figure = moved("AVX2", usual, Run({"mfcc": "1", "ssl": "7", "caf": ""}, {}), portable=True)
    assert (figure.value, figure.met, figure.note) == (2, False, "of 3: caf, ssl")
    cut = moved("EPYC", usual, Run({"mfcc": "1"}, {}, "Segmentation fault"), portable=True)
    assert (cut.value, cut.met, cut.note) == (0, True, "of 1; then: Segmentation fault")
    assert not moved("EPYC", usual, Run({}, {}, "no such processor"), portable=True).met


@pytest.mark.slow
def test_portable_bytes_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["bench", "arithmetic", "--quick", "--json", "figures.json"])
    assert result.exit_code == 0, result.output
    figures = {figure["name"]: figure for figure in json.loads((tmp_path / "figures.json").read_text())["figures"]}
    assert figures["moved, SSE4.2"]["part"] == "portable"
    assert figures["moved, SSE4.2"]["value"] == 0
    assert "emulated: not run: give --emulated" in result.output
