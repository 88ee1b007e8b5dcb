"""`ser bench features`: that every part runs, agrees with its peer, and says what it could not run."""

import json
import os

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from pipeline.bench import features
from pipeline.bench.disvoice import peer
from pipeline.cli import main


def bench(*arguments):
    return CliRunner().invoke(main, ["bench", "features", "--quick", *map(str, arguments)])


@pytest.mark.slow
def test_every_part_runs_and_agrees_with_its_peer(tmp_path):
    report = tmp_path / "report.json"
    done = bench("--json", report)
    assert done.exit_code == 0, done.output
    found = json.loads(report.read_text())
    assert found["benchmark"] == "features"
    assert {figure["part"] for figure in found["figures"]} == set(features.PARTS)
    differences = [figure for figure in found["figures"] if "relative difference" in figure["name"]]
    assert len(differences) == 8
    assert all(figure["met"] for figure in differences)
    beside = [figure for figure in found["figures"] if figure["unit"] == "times"]
    assert {figure["at_least"] for figure in beside} <= {None, 1.25, 2, 5, 10, 20}  # 2 where the processor has bfloat16
    shares = [figure["at_least"] for figure in found["figures"] if "share of products' rate" in figure["name"]]
    assert shares[:3] == [85, 85, 85]
    assert set(shares[3:]) <= {None}


def test_recordings_can_be_given(tmp_path):
    rng = np.random.default_rng(0)
    for name, rate in (("a", 16000), ("b", 22050)):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(rate), rate)
    done = bench("--only", "mfcc", tmp_path)
    assert done.exit_code == 0, done.output
    assert "2 of 2 recordings, 1 s on average" in done.output
    assert "librosa" in done.output
    assert "prosody" not in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "logmell"], "unknown part 'logmell' (did you mean 'logmel'?)"),
        (["nowhere"], "nowhere: no such file or folder"),
        (["."], "no "),
    ],
)
def test_mistakes_are_one_line(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = bench(*arguments)
    assert done.exit_code in (1, 2)
    assert said in done.output
    assert "Traceback" not in done.output
    assert len([line for line in done.output.splitlines() if line.strip()]) == 1


def test_the_peer_gives_the_features_of_compat(tmp_path):
    theirs, said = peer(tmp_path)
    assert "DisVoice" in said
    wave = features.synthetic_speech(np.random.default_rng(1), 2.0).astype(np.float32) / np.float32(32768)
    soundfile.write(tmp_path / "one.wav", wave, 16000, subtype="PCM_16")
    (ours,) = features.run_all(features.make("prosody", mode="compat"), [wave])
    np.testing.assert_allclose(ours["values"][0], theirs(tmp_path / "one.wav"), rtol=1e-6, atol=1e-9)
    assert sorted(path.name for path in tmp_path.glob("*.txt")) == []


def test_differences_in_nan_are_infinite():
    nan = np.array([1.0, np.nan])
    assert features.difference(nan, nan) == 0
    assert features.difference(nan, np.ones(2)) == np.inf
    assert features.difference(np.array([1.0, 2.002]), np.array([1.0, 2.0])) == pytest.approx(1e-3)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores cannot be chosen here")
def test_one_core_is_given_back():
    before = os.sched_getaffinity(0)
    with features.one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_batches_are_of_the_seconds_asked_for():
    waves = [np.zeros(n * 16000, np.float32) for n in (20, 30, 20, 70, 5)]
    assert [list(map(len, batch)) for batch in features.batches(waves, 60)] == [
        [320000, 480000],
        [320000],
        [1120000],
        [80000],
    ]
