"""`ser bench arithmetic`: portable bytes do not move with the instruction set. What native ones do is not tested."""

import json

import pytest
from click.testing import CliRunner

from pipeline.bench import arithmetic
from pipeline.bench.arithmetic import Run, moved
from pipeline.cli import main
from pipeline.errors import UserError


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


def test_an_instruction_set_that_is_not_there_is_left_out_and_said(monkeypatch):
    def operations(kind, forced=None):
        if forced == arithmetic.FORCED["AVX-512"]:
            raise UserError("exit code -4")
        return Run({"mfcc": "1"}, {"mfcc": 1.0})

    monkeypatch.setattr(arithmetic, "operations", operations)
    monkeypatch.setattr(arithmetic, "available", lambda: ["SSE4.2", "AVX2"])
    said = []
    assert arithmetic.measure(False, False, None, said.append, lambda _: None)
    assert "AVX-512: not run: the processor does not have it" in said[0]
    assert said[0].count("moved, AVX2") == 2


@pytest.mark.parametrize(
    ("flags", "sets"),
    [("sse4_2", ["SSE4.2"]), ("avx2 sse4_2 avx", ["SSE4.2", "AVX2"]), ("sse4_2 avx2 avx512f", [*arithmetic.FORCED])],
)
def test_what_the_processor_has(monkeypatch, flags, sets):
    monkeypatch.setattr(arithmetic.Path, "read_text", lambda *_, **__: f"processor\t: 0\nflags\t\t: fpu {flags} de\n")
    assert arithmetic.available() == sets
