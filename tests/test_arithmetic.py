"""`arithmetic: portable` of params.yaml: what a stage's process is held to, and what is said where it cannot be."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import REPOSITORY

from pipeline import arithmetic
from pipeline.audio.audio_file import write_audio
from pipeline.config.document import validated
from pipeline.jobs.cluster import open_cluster
from pipeline.storage.feature_file import FeatureFile

PARAMS = """\
arithmetic: {arithmetic}
corpora: {{mine: {{reader: folder, root: recordings}}}}
features: {{cepstra: {{extractor: mfcc}}}}
"""


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """The params.yaml of a process that has loaded no numeric library; what is held is undone after the test."""
    monkeypatch.setattr(arithmetic, "LOADED", ())
    monkeypatch.setattr(arithmetic, "_has_avx2", lambda: True)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(arithmetic, "GPU", tmp_path / "no GPU")
    for name in arithmetic.VARIABLES:
        monkeypatch.setenv(name, "")
    return tmp_path / "params.yaml"


@pytest.mark.parametrize(
    "text",
    [
        "arithmetic: portable\n",
        "seed: 3\nexperiments:\n  one: {system: svm}\n'arithmetic': \"portable\" # said last\n",
        "{seed: 1, keep: {a: [b]}, arithmetic: portable}\n",
        "a: &x [1]\nb: *x\narithmetic: portable\n",
    ],
)
def test_libraries_are_held_whatever_the_environment_says(fresh, monkeypatch, capsys, text):
    monkeypatch.setenv("MKL_CBWR", "AVX512")
    monkeypatch.setenv("NPY_ENABLE_CPU_FEATURES", "AVX2")
    fresh.write_text(text)
    arithmetic.hold(fresh)
    assert {name: os.environ[name] for name in arithmetic.VARIABLES} == arithmetic.VARIABLES
    assert "NPY_ENABLE_CPU_FEATURES" not in os.environ
    assert arithmetic.is_portable()
    assert len(arithmetic.identity()) == 1
    assert capsys.readouterr().err == ""


def test_a_gpu_that_portable_arithmetic_leaves_alone_is_named(fresh, monkeypatch, capsys):
    fresh.write_text("arithmetic: portable\n")
    monkeypatch.setattr(arithmetic, "GPU", fresh)
    arithmetic.hold(fresh)
    assert arithmetic.is_portable()
    assert "portable computes on the CPU alone; native would use the GPU" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "seed: 1\n",
        "arithmetic: native\n",
        "arithmetic: [portable]\n",
        "notes: {arithmetic: portable}\n",
        "notes:\n  arithmetic: portable\n",
        "notes: |\n  arithmetic: portable\n",
        "arithmetic\n",
        "a: [\n",
        "\x00",
    ],
)
def test_libraries_are_left_alone(fresh, capsys, text):
    if text is not None:
        fresh.write_text(text)
    arithmetic.hold(fresh)
    assert {os.environ[name] for name in arithmetic.VARIABLES} == {""}
    assert arithmetic.identity() == ()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("what", "value", "reason"),
    [
        ("machine", "aarch64", "the processor is aarch64, not x86-64"),
        ("avx2", False, "the processor has no AVX2"),
        ("device", "cuda:0", "SER_DEVICE is cuda:0"),
        ("loaded", ("sys",), "sys is loaded already"),
    ],
)
def test_where_it_cannot_be_had_one_line_says_so(fresh, monkeypatch, capsys, what, value, reason):
    fresh.write_text("arithmetic: portable\n")
    if what == "machine":
        monkeypatch.setattr(platform, "machine", lambda: value)
    elif what == "avx2":
        monkeypatch.setattr(arithmetic, "_has_avx2", lambda: value)
    elif what == "device":
        monkeypatch.setenv("SER_DEVICE", value)
    else:
        monkeypatch.setattr(arithmetic, "LOADED", value)
    arithmetic.hold(fresh)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"warning: {fresh}: arithmetic: portable cannot be had ({reason}); last digits may differ"
    assert not arithmetic.is_portable()


def test_a_cluster_is_refused(monkeypatch):
    for name, value in arithmetic.VARIABLES.items():
        monkeypatch.setenv(name, value)
    with (
        pytest.raises(Exception, match="a cluster's workers are not held to `arithmetic: portable`"),
        open_cluster("tcp://127.0.0.1:1", {}),
    ):
        pass


def test_a_misspelt_value_names_the_nearest():
    _, problems = validated({"arithmetic": "portble"})
    assert problems == [
        "arithmetic: input should be 'native' or 'portable'; it is 'portble' (did you mean 'portable'?)"
    ]
    assert validated({"arithmetic": None})[1] == ["arithmetic: input should be 'native' or 'portable'; it is None"]


def test_square_roots_are_those_of_ieee_754(monkeypatch):
    values = torch.rand(10_000, dtype=torch.float64)
    native = arithmetic.exact_sqrt(values)
    assert torch.equal(native, values.sqrt())
    monkeypatch.setattr(arithmetic, "is_portable", lambda: True)
    assert np.array_equal(arithmetic.exact_sqrt(values).numpy(), np.sqrt(values.numpy()))


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="portable arithmetic is of x86-64")
def test_a_stage_gives_the_same_bytes_under_any_instruction_set(tmp_path):
    rng = np.random.default_rng(0)
    waves = [(f"u{i}", rng.integers(-9000, 9000, 16000).astype(np.int16)) for i in range(3)]
    (tmp_path / "data/audio/mine").mkdir(parents=True)
    write_audio(tmp_path / "data/audio/mine/16k.h5", "mine", 16000, waves)
    out = tmp_path / "data/features/mine/cepstra.h5"

    def run(value: str, **forced: str) -> tuple[str, bytes]:
        (tmp_path / "params.yaml").write_text(PARAMS.format(arithmetic=value))
        done = subprocess.run(
            [sys.executable, "-m", "stages.features", "mine", "cepstra"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **forced},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout, out.read_bytes()

    sse = {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "SSE4_2", "OPENBLAS_CORETYPE": "Nehalem"}
    run("native")
    digests = FeatureFile(out).digests.tobytes()
    said, usual = run("portable")
    assert "computed 3, reused 0" in said
    assert FeatureFile(out).digests.tobytes() != digests
    Path(out).unlink()
    assert run("portable", **sse)[1] == usual
    assert "computed 3, reused 0" in run("native")[0]
    assert FeatureFile(out).digests.tobytes() == digests
