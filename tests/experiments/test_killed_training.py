"""A cross-validation that is killed goes on at the unfinished fold."""

import os
import signal
import subprocess
import sys

import pytest
from recorded import TESTS

pytestmark = pytest.mark.slow

posix = pytest.mark.skipif(os.name != "posix", reason="signals and file-size limits are POSIX's")


TRAIN = """\
import json, os, signal, sys
from pathlib import Path

import numpy as np
from feature_files import corpus, write_features

from pipeline.config.protocols import LeaveOneSpeakerOut
from pipeline.strict import Strict
from pipeline.experiments.cross_validation import cross_validate
from pipeline.experiments.experiment import Experiment
from pipeline.systems.system import System

kill_at = int(sys.argv[2])
fits = 0


class Params(Strict):
    epochs: int = 1


class Model(System):
    Params = Params

    def fit(self, X, y, validation=None, on_epoch=lambda: None):
        global fits
        if fits == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        fits += 1
        self.classes_, self.mean = np.unique(y), float(np.mean([rows.mean() for rows in X.arrays("logmel")]))
        self.history_ = [{"epoch": 1, "train_loss": self.mean}]
        return self

    def predict_proba(self, X):
        return np.tile([self.mean, 1 - self.mean], (len(X), 1))

    def save(self, path):
        path.write_text(repr(self.mean))

    def load(self, path, X, classes):
        raise AssertionError("a cross-validation loads nothing")

    def parameter_count(self):
        return 1


rows = corpus(speakers=5, emotions=("angry", "sad"))
values = {row.key: np.random.default_rng(i).random((3, 2), np.float32) for i, row in enumerate(rows)}
file = write_features(Path("features.h5"), values)
protocol = LeaveOneSpeakerOut(scheme="leave_one_speaker_out")
experiment = Experiment("toy", "toy", Model, Params(), protocol, rows, {"logmel": file}, {}, 0)
found, _ = cross_validate(experiment, Path(sys.argv[1]) / "models")
found.write(Path(sys.argv[1]) / "predictions")
print(fits)
"""


@posix
def test_a_killed_cross_validation_goes_on_at_the_unfinished_fold(tmp_path):
    def train(name, kill_at):
        return subprocess.run(
            [sys.executable, "-c", TRAIN, name, str(kill_at)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
            capture_output=True,
            text=True,
        )

    assert train("straight", -1).stdout.strip() == "5"
    for kill_at in (2, 1):
        assert train("killed", kill_at).returncode == -signal.SIGKILL
        assert not (tmp_path / "killed" / "predictions").exists()
    assert len(list((tmp_path / "killed" / "models.parts").glob("*/*.safetensors"))) == 3
    assert train("killed", -1).stdout.strip() == "2"
    one, other = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("straight", "killed")
    )
    assert one == other
    assert len(one) > 7
