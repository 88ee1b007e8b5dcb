"""`load_model`: trained models in Python, equal to the cross-validation that trained them, and to themselves."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from conftest import tone
from trained_project import trained_project
from voices import buzz

from pipeline import load_model
from pipeline.errors import ParamsError, UserError
from pipeline.experiments.predictions import Predictions
from pipeline.serving.export_reading import opened_model
from pipeline.serving.prediction import predict

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return trained_project(tmp_path_factory.getbasetemp())


def loaded(trained, name):
    return load_model(trained.folder / "exports" / name)


def fold_probabilities(model, path):
    """Each fold's own, (folds, classes)."""
    with model._lock:
        clip = model._whole(path, None)
        leaves = {part.model.folder: part.outputs(X) for part, X in model._asked([clip])}
        return model.source.combined(leaves)[:, 0]


@pytest.mark.parametrize(
    ("name", "nearness"),
    [
        ("again", 1e-8),
        ("picture", 1e-6),
        ("nested", 1e-5),
        ("stacked", 5e-5),  # variances of six recordings enlarge float32's last digit, 3e-8 of a part's probability
    ],
)
def test_each_folds_model_gives_the_pipelines_own_probabilities_of_what_it_was_tested_on(trained, name, nearness):
    model, known = loaded(trained, name), Predictions.read(trained.folder / "data/predictions" / name)
    assert model.classes == known.classes
    for i in known.where("test"):
        path = trained_path(trained, known.keys[i])
        given = fold_probabilities(model, path)
        np.testing.assert_allclose(given[known.fold[i]], known.rows[i], atol=nearness)
        np.testing.assert_array_equal(given.mean(axis=0), model.predict_proba(path))


def trained_path(trained, key):
    return trained.folder / "recordings" / f"{key}.wav"


def test_a_file_and_its_samples_give_the_same(trained):
    model = loaded(trained, "both")
    path = trained.recordings[4]
    wanted = model.predict_proba(path)
    for dtype in ("int16", "float32", "float64"):
        samples, rate = soundfile.read(path, dtype=dtype)
        for given in (samples, np.stack([samples, samples]), np.stack([samples, samples], axis=1)):
            np.testing.assert_array_equal(model.predict_proba(given, rate), wanted)
            np.testing.assert_array_equal(model.embed(given, rate), model.embed(path))
    assert model.predict(str(path)) == model.classes[wanted.argmax()]


def test_threads_get_equal_answers(trained):
    model, alone = loaded(trained, "both"), loaded(trained, "both")
    wanted = [alone.predict_proba(path) for path in trained.recordings]
    with ThreadPoolExecutor(6) as pool:
        given = list(pool.map(model.predict_proba, 3 * trained.recordings))
    np.testing.assert_array_equal(given, 3 * wanted)


@pytest.mark.parametrize("name", ["again", "picture", "nested"])
def test_an_answer_does_not_depend_on_what_else_is_asked_about(trained, name):
    model, files = loaded(trained, name), {path.stem + path.parent.name: path for path in trained.recordings}
    with opened_model(str(trained.folder / "exports" / name)) as source:
        together = predict(source, files, {})
        few = predict(source, dict([*files.items()][3:5]), {})
    np.testing.assert_array_equal(few, together[3:5])
    np.testing.assert_array_equal([model.predict_proba(path) for path in files.values()], together)


def test_segments_are_predictions_of_their_windows(trained):
    model, rate = loaded(trained, "again"), 16000
    samples = np.concatenate([tone(1, 200, rate), tone(1.3, 700, rate), tone(0.2, 300, rate)])
    segments = list(model.predict_segments(samples, rate, window=0.5, hop=0.1, voice_activity="none"))
    assert [round(each.start, 3) for each in segments] == [round(0.1 * i, 3) for i in range(21)]
    assert segments[-1].end == 2.5
    for each in segments:
        assert each.emotion == model.classes[each.probabilities.argmax()]
    (whole,) = model.predict_segments(samples, rate, window=3, voice_activity="none")
    np.testing.assert_array_equal(whole.probabilities, model.predict_proba(samples, rate))
    alone = [model.predict_proba(samples[first : first + 8000], rate) for first in range(0, 33000, 1600)]
    np.testing.assert_array_equal([each.probabilities for each in segments], alone)


def test_windows_without_voice_name_nothing_and_change_no_other(trained):
    model, rate = loaded(trained, "again"), 16000
    speech, pause = buzz(2.0), np.zeros(3 * rate)
    samples = np.concatenate([speech, pause, speech])
    told = list(model.predict_segments(samples, rate, window=1.0))
    every = list(model.predict_segments(samples, rate, window=1.0, voice_activity="none"))
    assert [each.voiced >= 0.1 for each in told] == [True, True, False, False, False, True, True]
    assert all(each.voiced == 1 for each in every)
    for each, computed in zip(told, every, strict=True):
        assert (each.start, each.end) == (computed.start, computed.end)
        if each.voiced >= 0.1:
            np.testing.assert_array_equal(each.probabilities, computed.probabilities)
        else:
            assert each.emotion == ""
            assert np.isnan(each.probabilities).all()


def test_vectors_of_networks_of_features_and_of_both(trained):
    path = trained.recordings[0]
    features, network, both = (loaded(trained, name).embed(path) for name in ("again", "picture", "both"))
    assert features.dtype == network.dtype == np.float32
    assert len(features) == 32 + 3 * 12 + 103 or len(features) > 32
    np.testing.assert_array_equal(both, np.concatenate([network, features]))
    model = loaded(trained, "picture")
    (part,), clip = model._parts, model._whole(path, None)
    ((_, X),) = model._asked([clip])
    weights = [system.nets_[0].module_.classifier for system in part.systems]
    logits = [
        layer.weight.detach().numpy() @ own + layer.bias.detach().numpy()
        for layer, own in zip(weights, np.split(network.astype(np.float64), 3), strict=True)
    ]
    powers = np.exp(logits)
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), part.outputs(X)[:, 0], atol=1e-5)


def test_what_cannot_be(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(trained.folder)
    with pytest.raises(ParamsError, match=r"exports/agin: there is no such export \(did you mean 'exports/again'"):
        load_model("exports/agin")
    with pytest.raises(ParamsError, match=r"--ssl-model .*: the models take none; leave it out"):
        load_model("exports/again", ssl_model=tmp_path)
    with pytest.raises(
        UserError, match=r"statistics of each speaker \(normalisation: per_speaker\).*here each is heard alone"
    ):
        load_model("exports/statistics").predict(trained.recordings[0])


def test_the_name_is_there_at_once():
    """Without torch, scikit-learn and SciPy, which take seconds."""
    code = "import pipeline, sys; pipeline.load_model; print({'torch', 'sklearn', 'scipy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
