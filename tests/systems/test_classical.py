"""The classical baselines, pooled and SVM: scikit-learn's own, calibration, statistics, and what cannot be."""

import numpy as np
import pytest
from feature_files import EMOTIONS, write_features
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from system_checks import GROUPS, KEYS, LABELS, classifier, view, write_acoustic

from pipeline.errors import UserError
from pipeline.systems.classical import softmax
from pipeline.systems.functionals import vectors
from pipeline.systems.inner_folds import inner_folds
from pipeline.systems.pooled import Pooled
from pipeline.systems.svm import SVM, best_factor

ROLES = ("logmel", "mfcc", "prosody")
CLASSICAL = {
    "pooled": (Pooled, {"c": 100.0}),
    "svm": (SVM, {"c": 100.0}),
    "svm linear": (SVM, {"c": 100.0, "kernel": "linear"}),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_acoustic(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def X(files):
    return view(files, ROLES, groups=GROUPS)


def make(name, seed=0, **changes):
    return classifier(*CLASSICAL[name], seed, **changes)


def test_pooled_is_scikit_learns_logistic_regression(X):
    labels = ["angry"] * 9 + ["sad"] * 7
    for y in (labels, LABELS):
        scaled = StandardScaler().fit_transform(vectors(X))
        for balanced, weight in ((True, "balanced"), (False, None)):
            model = Pooled(c=0.5, balanced=balanced).fit(X, y)
            wanted = LogisticRegression(C=0.5, class_weight=weight, max_iter=5000).fit(scaled, y)
            np.testing.assert_allclose(model.predict_proba(X), wanted.predict_proba(scaled), atol=1e-6)


def test_the_svm_is_scikit_learns_one_against_the_rest(X):
    scaled = StandardScaler().fit_transform(vectors(X))
    for kernel, gamma in (("rbf", 1 / scaled.shape[1]), ("linear", 1.0)):
        model = SVM(c=0.7, kernel=kernel).fit(X, LABELS)
        scores = model.scores(scaled, model.numbers_)
        for number, emotion in enumerate(sorted(EMOTIONS)):
            weights = scaled if kernel == "rbf" else scaled / np.sqrt(scaled.shape[1])
            wanted = SVC(C=0.7, kernel=kernel, gamma=gamma, class_weight="balanced").fit(
                weights, np.array(LABELS) == emotion
            )
            np.testing.assert_allclose(scores[:, number], wanted.decision_function(weights), atol=1e-6)


def test_the_factor_of_the_svm_makes_probabilities_likely():
    rng = np.random.default_rng(0)
    logits = 2.5 * rng.standard_normal((20000, 3))
    codes = (softmax(logits).cumsum(axis=1) > rng.random((20000, 1))).argmax(axis=1)
    assert best_factor(logits / 2.5, codes) == pytest.approx(2.5, rel=0.05)
    assert best_factor(logits[:0], codes[:0]) == 1.0


def test_the_svm_is_calibrated_on_no_copies_of_what_it_was_fitted_on(tmp_path):
    keys = [key + copy for key in KEYS for copy in ("", "@10dB", "@0.9x")]
    files = write_acoustic(tmp_path, keys)
    folds = inner_folds(np.array([i // 3 % 4 for i in range(48)]), view(files, ROLES, keys), 5, 0)
    assert len(folds) >= 2
    for fitted_on, left_out in folds:
        assert not {keys[i].split("@")[0] for i in fitted_on} & {keys[i].split("@")[0] for i in left_out}


def test_the_svm_is_calibrated_on_no_other_name_of_what_it_was_fitted_on(files):
    contents = {key: KEYS[i // 2 * 2] for i, key in enumerate(KEYS)}  # each recording has two names
    codes = np.array([i // 2 % 4 for i in range(len(KEYS))])
    folds = inner_folds(codes, view(files, ROLES, groups={"content": contents}), 5, 0)
    assert len(folds) >= 2
    for fitted_on, left_out in folds:
        assert not {contents[KEYS[i]] for i in fitted_on} & {contents[KEYS[i]] for i in left_out}


def test_the_svm_is_calibrated_on_speakers_it_was_not_fitted_on(X, files, monkeypatch):
    seen = []
    machines = SVM._machines
    monkeypatch.setattr(SVM, "_machines", lambda self, z, codes: seen.append(z) or machines(self, z, codes))
    make("svm").fit(X, LABELS)
    assert len(seen) == 5  # all, and one for each of the 4 speakers left out
    whole = seen[0]
    left_out = {tuple(i for i, row in enumerate(whole) if not (part == row).all(axis=1).any()) for part in seen[1:]}
    assert left_out == {tuple(range(4 * s, 4 * s + 4)) for s in range(4)}
    seen.clear()
    make("svm").fit(view(files, ROLES), LABELS)
    assert len(seen) == 5  # 4 utterances of each emotion allow 4 folds


@pytest.mark.parametrize("name", CLASSICAL)
def test_statistics_come_from_the_training_part_only(X, name):
    model = make(name).fit(X[:8], LABELS[:8], validation=(X[8:], LABELS[8:]))
    np.testing.assert_allclose(model.numbers_["mean"], vectors(X[:8]).mean(axis=0), atol=1e-9)
    std = vectors(X[:8]).std(axis=0)
    np.testing.assert_allclose(model.numbers_["scale"], np.where(std > 1e-8, std, 1))


def test_per_speaker_vectors_have_zero_mean_for_each_speaker_and_use_all_their_recordings(X):
    model = make("pooled", normalisation="per_speaker").fit(X[:6], LABELS[:6])
    table = model.table(X)
    for speaker in range(4):
        own = table[4 * speaker : 4 * speaker + 4]
        np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-9)
        assert np.isclose(own.std(axis=0), 1).mean() > 0.9
    corpus = make("pooled", normalisation="per_corpus").fit(X[:6], LABELS[:6])
    np.testing.assert_allclose(corpus.table(X).mean(axis=0), 0, atol=1e-9)


def test_a_model_of_two_classes_is_loaded_too(X, tmp_path):
    for name in CLASSICAL:
        model = make(name).fit(X, ["angry", "sad"] * 8)
        model.save(tmp_path / "m.safetensors")
        loaded = make(name).load(tmp_path / "m.safetensors", X, ["angry", "sad"])
        np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("name", CLASSICAL)
def test_scikit_learn_can_cross_validate_it(X, name):
    found = cross_val_predict(make(name), X, np.array(LABELS), cv=2, method="predict_proba")
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", CLASSICAL)
def test_one_emotion_only_is_refused(X, name):
    with pytest.raises(UserError, match="one class only, 'sad'"):
        make(name).fit(X, ["sad"] * 16)


def test_features_of_another_kind_are_refused(files, tmp_path):
    rng = np.random.default_rng(0)
    other = {key: rng.standard_normal((4, 3)).astype(np.float32) for key in KEYS}
    X = view({**files, "mfcc": write_features(tmp_path / "m.h5", other, "mfcc")}, ROLES)
    with pytest.raises(UserError, match="use the features it was trained on"):
        make("pooled").fit(view(files, ROLES), LABELS).predict_proba(X)


@pytest.mark.parametrize(
    ("learned", "problem"),
    [
        ({"vectors": np.ones((2, 3)), "codes": np.ones(2, int)}, "codes is int64 of 1 dimensions, and not float64"),
        ({"vectors": np.ones((2, 3)), "codes": np.ones((2, 1))}, "codes is float64 of 2 dimensions"),
        ({"vectors": np.ones((2, 3))}, "codes is missing"),
        ({"vectors": np.ones((2, 2)), "codes": np.ones(2)}, r"vectors has the shape \(2, 2\)"),
    ],
)
def test_what_a_system_of_ones_own_could_not_load_again_is_refused_when_it_is_fitted(learned, problem):
    class Neighbours(Pooled):
        def learn(self, X, codes):
            self.keep_scale(self.table(X))
            self.keep(learned)

        def shapes(self, dims, classes):
            return {"vectors": (None, dims), "codes": (None,)}

    with pytest.raises(TypeError, match=f"Neighbours: what it learned is not what its shapes say: {problem}"):
        Neighbours().fit(np.arange(12.0).reshape(4, 3), ["angry", "sad"] * 2)
