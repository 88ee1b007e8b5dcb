"""A feature is one file: how extractors are found, what `ser features` says of them, and CONTRIBUTING.md's example."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from click.testing import CliRunner
from conftest import REPOSITORY, tone

from pipeline import features
from pipeline.cli import main
from pipeline.errors import ParamsError
from pipeline.features import EXTRACTORS, find_extractor
from pipeline.features.base import Extractor, FeatureParams
from pipeline.features.presets import PRESETS
from pipeline.registry import Registry
from pipeline.storage.feature_file import FeatureFile

EXAMPLE = Path(__file__).parents[1] / "examples/zero_crossings.py"


# --- how they are found ---


def test_the_extractors_are_those_of_the_folder():
    assert set(EXTRACTORS) >= {"logmel", "lpcc", "mfcc", "opensmile", "prosody", "ssl", "stft", "waveform"}
    assert list(EXTRACTORS) == sorted(EXTRACTORS)
    for name in EXTRACTORS:
        kind = find_extractor(name)
        assert issubclass(kind, Extractor)
        assert (kind.name, bool(kind.version)) == (name, True)
        assert issubclass(kind.Params, FeatureParams)


def test_an_unknown_extractor():
    with pytest.raises(ParamsError, match=r"unknown extractor 'mfc' \(did you mean 'mfcc'\?\); known: .*prosody"):
        find_extractor("mfc")


def test_finding_is_quick():
    seconds = []
    for _ in range(5):
        start = time.process_time()
        list(Registry(Path(features.__file__).parent, "pipeline.features", "Extractor", "extractor"))
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.05


def test_finding_imports_nothing():
    code = "import sys; from pipeline.features import EXTRACTORS; list(EXTRACTORS); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "transformers", "librosa", "scipy", "parselmouth", "pipeline.features.mfcc"}


# --- ser features ---


def ser_features(*names):
    result = CliRunner().invoke(main, ["features", *names])
    return result.exit_code, result.stdout, result.stderr


def test_it_lists_every_extractor_param_and_preset():
    code, said, error = ser_features()
    assert (code, error) == (0, "")
    blocks = {block.split(" ", 1)[0]: block.splitlines() for block in said.strip().split("\n\n")}
    assert list(blocks) == list(EXTRACTORS)
    for name, lines in blocks.items():
        kind = find_extractor(name)
        assert lines[0].startswith(f"{name} (version {kind.version}): ")
        for field, info in kind.Params.model_fields.items():
            assert info.description
            (line,) = [line for line in lines if line.startswith(f"  {field} = ")]
            assert line.endswith(info.description)
        own = [preset for preset, (owner, _) in PRESETS.items() if owner == name]
        assert [line.split()[1].rstrip(":") for line in lines if line.startswith("  preset ")] == own


def test_dims_frame_rates_defaults_and_choices():
    lines = ser_features("mfcc", "lpcc", "prosody", "waveform", "ssl")[1].splitlines()
    for line in (
        "  output values: 13 dims, float32, 31.25 frames per second, the first at 0 s",
        "  output values: 16 dims, float32, 100 frames per second, the first at 0 s",
        "  output values: 103 dims, float64, frames an utterance: 1",
        "  output valid: 4 dims, uint8, frames an utterance: 1",
        "  output values: 1 dims, int16, 16000 frames per second, the first at 0 s",
        "  output: as wide as the hidden size of the model, at the model's frame rate",
        "  pad = zero [zero, repeat]: extend with zeros, or with copies of the utterance",
        "  sample_rate = 16000 [16000, 48000]: rate of the audio read (Hz)",
        "  clip = none: longer utterances are cut to this length (s)",
        "  layers = [1, 9]: hidden states kept: 0 is the input of block 1, k the output of block k; all is each of "
        "them",
        "  preset serct_waveform: {sample_rate: 16000, clip: 3.0}",
    ):
        assert line in lines


def test_presets_are_shown_as_they_can_be_written():
    for line in ser_features()[1].splitlines():
        if line.startswith("  preset "):
            name, text = line.removeprefix("  preset ").split(": ", 1)
            assert yaml.safe_load(text) == PRESETS[name][1]


def test_only_those_asked_for():
    assert ser_features("stft")[1].count("(version ") == 1
    code, said, error = ser_features("stff")
    assert (code, said) == (2, "")
    assert error.startswith("error: unknown extractor 'stff' (did you mean 'stft'?)")
    assert ser_features("mfcc", "stff") == (code, "", error)


def test_it_loads_no_model_and_no_torch():
    code = "import sys; from pipeline.cli import main; main(['features'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"torch", "transformers", "librosa", "parselmouth"}


# --- the example of CONTRIBUTING.md ---


@pytest.fixture
def package(tmp_path):
    """A copy of the package with the example in it; runs `ser` from there."""
    shutil.copytree(REPOSITORY / "pipeline", tmp_path / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(EXAMPLE, tmp_path / "pipeline/features")

    def ser(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    return ser


def test_the_example_is_listed_and_runs(package, tmp_path):
    (tmp_path / "in").mkdir()
    for frequency, seconds in ((100, 0.5), (1000, 0.3), (50, 0.01)):
        soundfile.write(tmp_path / f"in/{frequency}.wav", tone(seconds, frequency), 16000)
    listed = package("features", "zero_crossings")
    assert "zero_crossings (version 1): Zero-crossing rate (1/s), stream `values` (frames, 1)." in listed.stdout
    assert "  output values: 1 dims, float32, 100 frames per second, the first at 0.0125 s" in listed.stdout
    done = package("extract", "zero_crossings", "in", "--out", "out.h5", "--set", "frame_length=1600")
    assert (done.returncode, done.stdout) == (0, "out.h5: computed 3, reused 0\n"), done.stderr
    file = FeatureFile(tmp_path / "out.h5")
    assert (file.keys, file.lengths.tolist()) == (["100", "1000", "50"], [41, 21, 1])
    assert (file.header.frame_rate, file.header.first_frame) == (100, 0.05)
    np.testing.assert_allclose(file.row(0), 200, atol=10)
    np.testing.assert_allclose(file.row(1), 2000, atol=10)
    again = package("extract", "zero_crossings", "in", "--out", "out.h5", "--set", "frame_length=1600")
    assert again.stdout == "out.h5: computed 0, reused 3\n"


def test_a_mistake_in_a_feature_file_is_one_line(package, tmp_path):
    (tmp_path / "pipeline/features/zero_crossings.py").write_text("class ZeroCrossings(Extractor:\n")
    done = package("features")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(r"error: \S*zero_crossings\.py, line 1: not a Python module \(.*\); mend or remove", done.stderr)
    assert len(done.stderr.splitlines()) == 1
