"""`ser benchmark` with DVC: ended in the middle, it goes on there, and a run of what is finished runs nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from benchmarks import write_ravdess
from conftest import REPOSITORY
from projects import ran, tree

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    write_ravdess(tmp_path / "recordings", takes=1)
    return tmp_path


def benchmark(folder, *arguments):
    """Start it, in a process group of its own, as a terminal does."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "benchmark", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY), "DVC_NO_ANALYTICS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(folder, *arguments):
    """Standard output, and the stages that ran."""
    process = benchmark(folder, *arguments)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out, ran(err)


def ended_at(folder, stage, end):
    """Start it, and end it when a stage runs; what it said till then, and its exit code."""
    process, said = benchmark(folder, "--corpus=ravdess=recordings"), ""
    while f"Running stage '{stage}'" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    below = psutil.Process(process.pid).children(recursive=True)
    end(process)
    process.communicate()
    _, alive = psutil.wait_procs(below, timeout=5)
    assert not alive
    return said, process.returncode


def test_it_goes_on_where_it_was_ended(folder):
    said, ended = ended_at(folder, "features-ravdess-prosody", lambda process: process.terminate())
    assert ended == 143
    out, stages = finished(folder)
    assert not stages & (ran(said) - {"features-ravdess-prosody"})
    assert {"features-ravdess-prosody", "train-pooled_ravdess_speakers", "evaluate"} <= stages
    assert "HuBERT-base (EmoBox)" in out
    before = tree(folder / "metrics")
    assert finished(folder, "--corpus=ravdess=recordings") == (out, set())
    assert tree(folder / "metrics") == before


def test_ctrl_c_ends_the_stage_that_runs_too(folder):
    said, ended = ended_at(folder, "audio-ravdess", lambda process: os.killpg(process.pid, signal.SIGINT))
    assert ended == 130
    assert "Traceback" not in said


def test_a_stage_that_fails_is_named(folder):
    broken = sorted(folder.glob("recordings/*/*.wav"))[0]
    broken.write_bytes(broken.read_bytes()[:100])
    process = benchmark(folder, "--corpus=ravdess=recordings")
    out, err = process.communicate()
    assert (process.returncode, out) == (1, "")
    assert err.splitlines()[-1].startswith("error: dvc repro failed, as it says above")
    assert broken.stem in err
