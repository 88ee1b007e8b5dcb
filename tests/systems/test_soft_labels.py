"""Training on shares of labels: what it learns, and that shares of one class are labels."""

import numpy as np
import pytest
import torch

from pipeline.errors import DataError
from pipeline.storage.source import Arrays
from pipeline.systems import systems
from pipeline.systems.layers.am_softmax import AMSoftmaxLoss
from pipeline.systems.layers.cross_entropy import CrossEntropy
from pipeline.systems.mlp import MLP
from pipeline.systems.pooled import Pooled
from pipeline.systems.soft_labels import SoftLabels
from pipeline.systems.svm import SVM
from pipeline.systems.view import View

CLASSES = ["angry", "happy", "sad"]


def data(count=60, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(count) % 3
    frames = [rng.normal(0, 1, (3, 4)).astype(np.float32) + np.float32(code) for code in codes]
    keys = [f"u{i}" for i in range(count)]
    X = View(keys, {"mfcc": [Arrays({"values": frames}, keys=keys, extractor="mfcc")]})
    return X, codes


def certain(codes):
    labels = [CLASSES[code] for code in codes]
    return labels, SoftLabels(CLASSES, np.eye(3)[codes], labels)


@pytest.mark.parametrize("balanced", [True, False])
def test_shares_of_one_class_are_labels_to_pooled(balanced):
    X, codes = data()
    labels, shares = certain(codes[:50])
    hard, soft = (Pooled(balanced=balanced).fit(X[np.arange(50)], each) for each in (labels, shares))
    assert soft.classes_.tolist() == CLASSES
    assert soft.predict_proba(X) == pytest.approx(hard.predict_proba(X), abs=1e-4)


@pytest.mark.parametrize("params", [{}, {"class_weights": "balanced", "label_smoothing": 0.1, "mixup": 0.2}])
def test_shares_of_one_class_are_labels_to_networks(params):
    X, codes = data(20)
    hard, soft = (MLP(epochs=2, **params).fit(X, each) for each in certain(codes))
    assert soft.predict_proba(X) == pytest.approx(hard.predict_proba(X), abs=1e-5)


@pytest.mark.parametrize("model", [Pooled(c=100.0), MLP(epochs=80, dropout=0.0, weight_decay=0.0)])
def test_disagreement_is_learnt(model):
    X, codes = data(90)
    table = np.array([[0.7, 0.3, 0.0], [0.2, 0.8, 0.0], [0.1, 0.0, 0.9]])[codes]
    labels = [CLASSES[code] for code in codes]
    unsure = model.fit(X, SoftLabels(CLASSES, table, labels)).predict_proba(X)
    assert np.abs(unsure.mean(axis=0) - table.mean(axis=0)).max() < 0.08
    sure = type(model)(**model.get_params()).fit(X, labels).predict_proba(X)
    cross = [-(table * np.log(np.maximum(each, 1e-9))).sum(axis=1).mean() for each in (unsure, sure)]
    assert cross[0] < cross[1]


def test_a_class_that_nobody_chose_is_none():
    X, codes = data(30)
    table = np.eye(3)[np.minimum(codes, 1)]
    model = Pooled().fit(X, SoftLabels(CLASSES, table, [CLASSES[min(code, 1)] for code in codes]))
    assert model.classes_.tolist() == ["angry", "happy"]


def test_losses_take_shares_and_class_numbers_alike():
    rng = np.random.default_rng(0)
    logits, y = torch.from_numpy(rng.normal(size=(6, 3))), torch.tensor([0, 1, 2, 0, 1, 2])
    weight = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    shares = torch.nn.functional.one_hot(y, 3).double()
    for loss in (CrossEntropy(weight, 0.1), AMSoftmaxLoss(30.0, 0.2, weight, 0.1)):
        assert float(loss(logits, shares)) == pytest.approx(float(loss(logits, y)))
    mixed = torch.full((6, 3), 1 / 3, dtype=torch.float64)
    by_hand = -torch.log_softmax(logits, dim=1).mean()
    assert float(CrossEntropy()(logits, mixed)) == pytest.approx(float(by_hand))


def test_systems_that_take_no_shares_say_so():
    X, codes = data(12)
    with pytest.raises(DataError, match="SVM takes labels, and no shares of them"):
        SVM().fit(X, certain(codes)[1])
    assert not systems()["svm"].takes_votes
    assert all(entry.takes_votes for entry in systems().values() if entry.neural)


def test_shares_that_do_not_sum_to_1_are_refused():
    with pytest.raises(DataError, match="must sum to 1 in each row"):
        SoftLabels(CLASSES, np.full((2, 3), 0.5), ["sad", "sad"])
