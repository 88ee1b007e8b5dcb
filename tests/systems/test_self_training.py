"""Learning from recordings without labels."""

import numpy as np
import pytest

from pipeline.errors import ParamsError
from pipeline.storage.source import Arrays
from pipeline.systems.normalisation import looks_at_test_part
from pipeline.systems.probe import Probe
from pipeline.systems.self_training import corpora_of, expected_shares, pseudo_labels, surest, unlabelled, with_shares
from pipeline.systems.soft_labels import SoftLabels, of_labels
from pipeline.systems.view import View

SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
CLASSES = np.array(["angry", "happy", "sad"])
COUNT, WIDTH = 60, 8


def corpus(name, seed, shift=0.0, order=None):
    """States of two layers, in which classes lie the same way apart, and which are shifted along with the first."""
    rng, codes = np.random.default_rng(seed), np.arange(COUNT) % 3
    centres = np.random.default_rng(9).standard_normal((3, WIDTH))
    rows = 2 * centres[codes] + shift * (centres[0] - centres[1]) + 0.7 * rng.standard_normal((COUNT, WIDTH))
    keys = [f"{name}{i:02d}" for i in range(COUNT)]
    layers = {f"layer_0{number}": rows[:, None].astype(np.float32) for number in (1, 2)}
    return keys, Arrays(layers, keys=keys, extractor="ssl", params={"pool": "mean_std"}), CLASSES[codes]


@pytest.fixture(scope="module")
def pair():
    """The training corpus's view and labels, and the other's, which is shifted."""
    (keys, source, labels), (others, target, truth) = corpus("a", 1), corpus("b", 2, shift=1.3)
    every = [*keys, *others]
    groups = {
        "speaker": {key: f"{key[0]}{int(key[1:]) // 15}" for key in every},
        "corpus": {key: key[0] for key in every},
    }
    X = View(every, {"ssl": [source, target]}, groups)
    return X[:COUNT], labels, X[COUNT:], truth


@pytest.mark.parametrize("layers", ["all", "each", "stacked", 1])
@pytest.mark.parametrize("classifier", ["linear", "lda"])
def test_a_shifted_corpus_is_recognised_better(pair, layers, classifier):
    X, y, others, truth = pair
    plain = Probe(layers=layers, classifier=classifier).fit(X, y).score(others, truth)
    learned = Probe(layers=layers, classifier=classifier, self_training=SHARES).fit(X, y).score(others, truth)
    assert plain < 0.8
    assert learned > plain + 0.1


def test_a_shifted_corpus_is_recognised_better_by_shares(pair):
    X, y, others, truth = pair
    shares = 0.7 * (y[:, None] == CLASSES) + 0.1
    soft = SoftLabels(CLASSES.tolist(), shares, y)
    plain, learned = (Probe(self_training=each).fit(X, soft).score(others, truth) for each in ((), SHARES))
    assert learned > plain + 0.1


def test_no_label_of_the_other_corpus_is_seen_and_the_model_is_saved_to_the_last_bit(pair, tmp_path):
    X, y, others, _ = pair
    one, other = (Probe(layers="stacked", classifier="lda", self_training=SHARES).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(others), other.predict_proba(others))
    one.save(tmp_path / "probe")
    loaded = Probe(layers="stacked", classifier="lda", self_training=SHARES).load(tmp_path / "probe", X, one.classes_)
    np.testing.assert_array_equal(loaded.predict_proba(others), one.predict_proba(others))


def test_without_recordings_to_learn_from_it_is_the_probe_without(pair):
    X, y, _, _ = pair
    alone = View(X.keys, {"ssl": [X.source("ssl")]})
    plain, learned = (Probe(self_training=shares).fit(alone, y) for shares in ((), SHARES))
    np.testing.assert_array_equal(plain.predict_proba(alone), learned.predict_proba(alone))


def test_unlabelled_are_the_experiments_other_recordings(pair):
    X, _, others, _ = pair
    assert unlabelled(X[:50]).keys.tolist() == [*X.keys[50:], *others.keys]
    assert corpora_of(others) == ["b"] * COUNT
    assert corpora_of(View(X.keys, {"ssl": [X.source("ssl")]})) == [""] * COUNT


def test_classes_are_expected_as_a_corpus_has_them_and_alike_where_nothing_is_known():
    shares = expected_shares(of_labels(np.array([0, 0, 0, 1, 1]), 2), ["a", "a", "a", "a", "b"])
    assert {corpus: share.tolist() for corpus, share in shares.items()} == {
        "a": pytest.approx([4 / 6, 2 / 6]),
        "b": pytest.approx([1 / 3, 2 / 3]),
    }
    tilted = np.tile([1.0, 0.0], (4, 1)) + np.array([[0.0, 0.0], [0, 0.5], [0, 1], [0, 2.0]])
    assert pseudo_labels(tilted, ["x"] * 4, shares, 1).tolist() == [0, 0, 1, 1]


def test_biases_make_the_classes_as_frequent_as_expected_where_there_are_many():
    logits = 3 * np.random.default_rng(0).standard_normal((2000, 3)) + [2, 0, -1]
    wanted = np.array([0.2, 0.3, 0.5])
    assert np.exp(with_shares(logits, wanted)).mean(axis=0) == pytest.approx(wanted, abs=0.003)
    moved = with_shares(logits, wanted) - logits
    assert moved[:, 0] - moved[:, 1] == pytest.approx(moved[0, 0] - moved[0, 1])


def test_a_single_recording_keeps_its_class():
    assert with_shares(np.array([[5.0, 0.0, 0.0]]), np.full(3, 1 / 3)).argmax() == 0


def test_of_each_class_the_surest_share_is_taken_rounded_up():
    scores = np.log([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7], [0.8, 0.2]])
    assert surest(scores, 0.5).tolist() == [0, -1, 0, 1, -1]
    assert surest(scores, 1.0).tolist() == [0, 0, 0, 1, 0]


@pytest.mark.parametrize("shares", [[0.0], [0.5, 1.1], [-1]])
def test_shares_are_above_0_up_to_1(pair, shares):
    with pytest.raises(ParamsError, match="self_training: must be shares above 0, up to 1"):
        Probe(self_training=shares).fit(pair[0], pair[1])


def test_it_looks_at_the_test_part_as_a_speakers_own_statistics_do():
    looks = [{"normalisation": "per_speaker"}, {"self_training": [0.5]}, {"normalisation": "per_corpus"}]
    assert all(map(looks_at_test_part, looks))
    assert not any(map(looks_at_test_part, [{}, {"normalisation": "training", "self_training": []}]))
