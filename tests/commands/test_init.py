"""`ser init` on recordings without emotions: a project that predicts numbers."""

import numpy as np
import pytest
import soundfile
import yaml
from in_process import ser


@pytest.fixture
def rated(tmp_path, monkeypatch):
    """A folder of four recordings by two speakers, with a table of numbers."""
    root = tmp_path / "recordings"
    root.mkdir()
    lines = ["path,speaker,valence,arousal"]
    for number in range(4):
        noise = np.random.default_rng(number).uniform(-0.3, 0.3, 8000)
        soundfile.write(root / f"u{number}.wav", noise, 16000)
        lines.append(f"u{number}.wav,s{number % 2},{number},{4 - number}")
    (root / "labels.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return root


def test_numbers_are_predicted_where_there_are_no_emotions(rated, tmp_path):
    result = ser("init", "--corpus", "mine=recordings", "--model", "tiny")
    assert result.exit_code == 0, result.stderr
    first, *_, last = result.stdout.splitlines()
    assert first.endswith("4 recordings, 2 speakers; no emotions, but numbers on valence and arousal")
    assert "functionals of log-Mel, MFCC and prosody, ridge regression of valence and arousal" in result.stdout
    assert last == "next: dvc repro"
    params = yaml.safe_load((tmp_path / "params.yaml").read_text("utf-8"))
    assert [one["targets"] for one in params["experiments"].values()] == [["valence", "arousal"]] * 2
    stages = yaml.safe_load((tmp_path / "dvc.yaml").read_text("utf-8"))["stages"]
    assert {"train-pooled_mine", "train-tiny_mine"} <= {*stages}


def test_a_benchmark_of_them_says_that_it_needs_emotions(rated):
    result = ser("benchmark", "--corpus", "mine=recordings")
    assert result.exit_code == 1
    assert "no recording of corpus mine has an emotion; give" in result.stderr.splitlines()[-1]
