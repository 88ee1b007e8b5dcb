"""`ser bench gpu`: on a CPU all but CUDA's own calls; parts that fail, die or take too long leave the others alone."""

import json
import os
import signal
import time

import pytest
from click.testing import CliRunner

from pipeline.bench.gpu import run as parts
from pipeline.bench.gpu.run import Part, isolated, verdict
from pipeline.bench.timing import Figure, Skipped
from pipeline.cli import main

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


def measure(device, folder, quick):
    """A part of a benchmark, which does what the device is called."""
    if device == "wrong":
        raise RuntimeError("no kernel image. And much more")
    if device == "absent":
        raise Skipped("is not here")
    if device == "dead":
        os.kill(os.getpid(), signal.SIGKILL)
    if device == "slow":
        time.sleep(600)
    return [Figure("toy", "is right", 0.5, "", below=1, check=True)]


def bench(*arguments):
    return CliRunner().invoke(main, ["bench", "gpu", *map(str, arguments)])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("device", "failure"),
    [
        ("right", ""),
        ("wrong", "failed: RuntimeError: no kernel image"),
        ("absent", ""),
        ("dead", "its process died (exit code -9)"),
    ],
)
def test_a_part_fails_alone(device, failure, tmp_path):
    outcome = isolated(Part(__name__, 200), device, tmp_path, quick=True)
    assert outcome.failure == failure
    assert outcome.skipped == ("is not here" if device == "absent" else "")
    assert len(outcome.figures) == (device == "right")


def test_a_part_ends_when_its_time_is_up(tmp_path):
    start = time.perf_counter()
    assert isolated(Part(__name__, 0.5), "slow", tmp_path, quick=True).failure == "took more than 0.5 s"
    assert time.perf_counter() - start < 100


def test_all_parts_together_take_less_than_eight_minutes():
    assert sum(part.limit for part in parts.PARTS.values()) < 8 * 60


def test_the_verdict_names_what_is_wrong_and_what_was_not_run():
    assert verdict([], {}) == "All that was computed is right."
    assert verdict(["a", "b"], {"memory": "failed"}) == "wrong: a; b. not run: memory"


@pytest.mark.parametrize(("value", "failure", "code"), [(0.5, "", 0), (2, "", 1), (0.5, "failed: why", 1)])
def test_the_exit_code_says_whether_all_is_right(value, failure, code, tmp_path, monkeypatch):
    figures = [Figure("toy", "is right", value, "", below=1, check=True), Figure("toy", "is fast", 1, "times", 10)]
    outcome = parts.Outcome([] if failure else figures, failure)
    monkeypatch.setattr(parts, "outcomes", lambda *_: iter([("toy", outcome)]))
    done = bench("--device", "cpu", "--quick", "--json", tmp_path / "report.json")
    assert done.exit_code == code, done.output
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["failed"] == ({"toy": failure} if failure else {})
    assert found["device"]["torch"] == torch.__version__
    assert f"torch {torch.__version__}; transformers 5." in done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_there_is_one_line():
    done = bench()
    assert done.exit_code == 1
    assert done.output.startswith("error: no GPU: torch says: ")
    assert done.output.endswith("; give --device cpu --quick to try the command without one\n")
    assert done.output.count("\n") == 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_every_part_runs_and_is_right(device, tmp_path, monkeypatch):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    few = {name: Part(part.module, 400) for name, part in parts.PARTS.items()}  # a busy machine is no failure
    monkeypatch.setattr(parts, "PARTS", few)
    report = tmp_path / "report.json"
    done = bench("--device", device, "--quick", "--json", report)
    assert done.exit_code == 0, done.output
    assert "All that was computed is right." in done.output
    found = json.loads(report.read_text())
    assert {figure["part"] for figure in found["figures"]} | set(found["skipped"]) == set(parts.PARTS)
    assert set(found["skipped"]) <= {"spectra"}
    checks = [figure for figure in found["figures"] if figure["check"]]
    assert len(checks) >= 21
    assert {figure["at_least"] for figure in found["figures"] if figure["part"] == "speed"} == {None, 10, 50}
