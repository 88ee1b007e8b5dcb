"""The stage `train` makes use of a validation part, or has none: the epoch kept, curves, and who is trained on."""

import csv
import json

import numpy as np
import pytest
from feature_files import write_features
from in_process import make_audio, ser, stage

from pipeline import paths
from pipeline.corpora import manifest

NETWORK = """
  net: {{system: mlp, corpus: mine, protocol: dealt, mfcc: cepstra, params: {{epochs: 8, batch_size: 2, {own}}}}}
"""


@pytest.fixture
def trained(project):
    """Train `net` on noise with params of its own: its curves' rows, and its validation predictions, both by fold."""

    def train(own):
        project.edit("experiments:", f"experiments:{NETWORK.format(own=own).rstrip()}")
        make_audio()
        keys = [row.key for row in manifest.read(paths.manifest("mine"))]
        path, rng = paths.feature_file("mine", "cepstra", embedding=False), np.random.default_rng(0)
        path.parent.mkdir(parents=True)
        write_features(path, {key: rng.normal(size=(5, 3)).astype(np.float32) for key in keys}, "mfcc")
        done = stage("train", "net")
        assert done.exit_code == 0, done.stderr
        folder = project.folder / "data/predictions/net"
        curves, rows = (list(csv.DictReader((folder / name).open())) for name in ("curves.csv", "probabilities.csv"))
        return _by_fold(curves), _by_fold(row for row in rows if row["part"] == "validation")

    return train


def _by_fold(rows):
    folds = {}
    for row in rows:
        folds.setdefault(row["fold"], []).append(row)
    return folds


def log_loss(rows):
    return np.mean([-np.log(float(row[f"p_{row['emotion']}"])) for row in rows])


@pytest.mark.parametrize(("own", "kept"), [("patience: 0", min), ("stop: false", lambda losses: losses[-1])])
def test_the_network_kept_is_that_of_the_best_epoch_or_the_last(trained, own, kept):
    curves, validation = trained(f"learning_rate: 0.05, {own}")
    assert len(curves) == len(validation) == 3
    losses = {fold: [float(row["valid_loss"]) for row in rows] for fold, rows in curves.items()}
    assert all(len(each) == 8 for each in losses.values())
    assert any(each[-1] > min(each) * 1.01 for each in losses.values())
    for fold, each in losses.items():
        assert log_loss(validation[fold]) == pytest.approx(kept(each), rel=1e-3)
    assert all(0 <= float(row["train_acc"]) <= 1 for rows in curves.values() for row in rows)


@pytest.mark.parametrize("hold_out", [[], ["--hold-out"]])
def test_what_has_no_use_for_a_validation_part_trains_on_it(project, hold_out):
    if not hold_out:
        project.edit("fusions:\n  both: {of: [statistics, again], fit_on: validation}\n", "")
    assert ser("graph").exit_code == 0
    make_audio()
    for feature in ("mel", "cepstra", "melody"):
        assert stage("features", "mine", feature).exit_code == 0
    done = stage("train", "statistics", *hold_out)
    assert done.exit_code == 0, done.stderr
    folds = json.loads((project.folder / "data/predictions/statistics/folds.json").read_text())
    everyone = {key for part in folds[0].values() for key in part}
    for fold in folds:
        assert bool(fold["validation"]) == bool(hold_out)
        assert sorted([*fold["train"], *fold["validation"], *fold["test"]]) == sorted(everyone)
