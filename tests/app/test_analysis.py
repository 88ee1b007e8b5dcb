"""What the page and the API say of a recording is what the model says, branch by branch."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import tone
from trained_project import trained_project

from pipeline import load_model
from pipeline.app.analysis import analyse, as_json
from pipeline.app.schema import Prediction
from pipeline.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return trained_project(tmp_path_factory.getbasetemp())


@pytest.fixture
def exported(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(trained.folder)

    def exported(name):
        done = CliRunner().invoke(main, ["export", name, "--to", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        return load_model(tmp_path / name)

    return exported


def test_an_experiment_says_what_the_model_says_and_how_far_to_trust_it(trained, exported):
    model, path = exported("again"), trained.recordings[0]
    known = analyse(model, path)
    np.testing.assert_array_equal(known.probabilities, model.predict_proba(path))
    assert (known.emotion, known.seconds, known.segments, known.branches) == (model.predict(path), 0.3, [], [])
    assert 0 <= known.entropy <= np.log2(len(model.classes))
    answer = json.loads(json.dumps(as_json(known), allow_nan=False))
    assert answer["probabilities"] == dict(zip(model.classes, known.probabilities.tolist(), strict=True))
    assert {"scores", "corpora", "marks", "intended_use", "not_for"} <= {*answer["card"]}


def test_a_long_recording_is_heard_over_time(exported):
    model, samples = exported("again"), np.concatenate([tone(2.0, 200, 16000), tone(2.25, 700, 16000)])
    known = analyse(model, samples, 16000)
    assert [(each.start, each.end) for each in known.segments] == [(0, 3), (1, 4), (1.25, 4.25)]
    np.testing.assert_array_equal(known.probabilities, model.predict_proba(samples, 16000))
    assert analyse(model, samples, 16000, None).segments == []


@pytest.mark.parametrize(
    ("name", "branches", "weighing"),
    [
        ("both", ["picture", "again"], "share of the coefficients' sizes"),
        ("pair", ["picture", "again"], "weight in the average, the same for all recordings"),
        ("stacked", ["picture", "again"], "GaussianNB weighs the branches' probabilities together"),
        ("nested", ["pair", "again", "picture", "picture", "again"], "share of the coefficients' sizes"),
    ],
)
def test_a_fusion_says_what_its_branches_said_and_what_they_weigh(trained, exported, name, branches, weighing):
    model, path = exported(name), trained.recordings[4]
    known = analyse(model, path)
    np.testing.assert_array_equal(known.probabilities, model.predict_proba(path))
    assert [each.name for each in known.branches] == branches
    Prediction.model_validate_json(json.dumps(as_json(known), allow_nan=False))
    own = [each for each in known.branches if each.fusion == name]
    assert {each.weighing for each in own} == {weighing}
    if name == "stacked":
        assert {each.weight for each in own} == {None}
    else:
        assert sum(each.weight for each in own) == pytest.approx(1)
    alone = {leaf: exported(leaf).predict_proba(path) for leaf in ("picture", "again")}
    for each in known.branches:
        if each.name in alone:
            np.testing.assert_array_equal(each.probabilities, alone[each.name])
    if name == "pair":
        mixed = sum(each.weight * each.probabilities for each in known.branches)
        assert mixed.shape == known.probabilities.shape
