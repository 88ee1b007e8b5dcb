"""A number format below float32 proves itself before it is used."""

import copy

import numpy as np
import pytest
import torch
from feature_files import EMOTIONS, write_logmel
from half_precision import or_refused
from sklearn.base import clone
from torch import nn

from pipeline.errors import UserError
from pipeline.jobs.number_format import check_near, check_network
from pipeline.systems.neural import Fixed, NeuralSystem
from pipeline.systems.training.params import TrainingParams
from pipeline.systems.view import View

pytestmark = pytest.mark.slow

KEYS = [f"u{i}" for i in range(8)]
SAID = "precision: bfloat16"
WRONG = "precision: bfloat16 is wrong on this machine: .* are off by .* %; use float32$"
MISSING = r"precision: bfloat16 cannot be had on this machine: use float32 \(could not create a primitive descriptor\)$"


class Backwards(torch.autograd.Function):
    """The same value, with the sign of its gradient wrong."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, upstream):
        return -upstream


def nothing(x):
    return x


def missing(x):
    raise RuntimeError("could not create a primitive descriptor. Run it with ONEDNN_VERBOSE.\nC++ trace:")


class Linear(nn.Linear):
    """A layer with a kernel of its own for bfloat16."""

    kernel = staticmethod(nothing)

    def forward(self, x):
        found = super().forward(x)
        return type(self).kernel(found) if torch.is_autocast_enabled("cpu") else found


class Network(nn.Module):
    """Mean log-Mels through a layer, dropout and a classifier."""

    def __init__(self, classes=4, layer=Linear):
        super().__init__()
        self.layer, self.dropout, self.classifier = layer(16, 12), nn.Dropout(0.5), nn.Linear(12, classes)

    def forward(self, logmel):
        return self.classifier(self.dropout(self.layer(logmel.mean(dim=1)).relu()))


class Small(NeuralSystem):
    Params = TrainingParams

    def inputs(self, X):
        return {"logmel": Fixed(X.arrays("logmel"))}

    def network(self, X, classes):
        return Network(classes)


class Recurrent(Small):
    def network(self, X, classes):
        return RecurrentNetwork(classes)


class RecurrentNetwork(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.lstm, self.classifier = nn.LSTM(16, 8, 2, batch_first=True, dropout=0.5), nn.Linear(8, classes)

    def forward(self, logmel):
        return self.classifier(self.lstm(logmel)[0].mean(dim=1))


@pytest.fixture
def X(tmp_path):
    return View(KEYS, {"logmel": [write_logmel(tmp_path / "l.h5", KEYS)]})


def fit(X, kind=Small, **params):
    return kind(**{"epochs": 2, "batch_size": 4, **params}).fit(X, list(EMOTIONS) * 2)


def check(network):
    x = torch.randn(4, 9, 16, generator=torch.Generator().manual_seed(1))
    check_network(SAID, network, lambda: network(x), "cpu", torch.bfloat16)


@pytest.mark.parametrize(
    ("kernel", "says"), [(torch.flip, WRONG), (Backwards.apply, "the values of Linear"), (missing, MISSING)]
)
def test_a_training_in_wrong_arithmetic_is_refused(X, monkeypatch, kernel, says):
    kernel = (lambda x: x.flip(-1)) if kernel is torch.flip else kernel
    monkeypatch.setattr(Linear, "kernel", staticmethod(kernel))
    with pytest.raises(UserError, match=says) as caught:
        fit(X, precision="bfloat16")
    assert "\n" not in str(caught.value)
    fit(X)


def test_a_loaded_model_is_tried_where_it_predicts(X, monkeypatch, tmp_path):
    model = fit(X, precision="bfloat16")
    model.save(tmp_path / "m")
    loaded = clone(model).load(tmp_path / "m", X, model.classes_.tolist())
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    monkeypatch.setattr(Linear, "kernel", staticmethod(lambda x: x.flip(-1)))
    with pytest.raises(UserError, match=WRONG):
        clone(model).load(tmp_path / "m", X, model.classes_.tolist()).predict_proba(X)


@pytest.mark.parametrize("kind", [Small, Recurrent])
def test_a_training_is_near_or_refused(X, kind):
    exact = fit(X, kind).predict_proba(X)
    near = or_refused(lambda: fit(X, kind, precision="bfloat16").predict_proba(X))
    if near is not None:
        assert not np.array_equal(near, exact)
        np.testing.assert_allclose(near, exact, atol=0.05)


def test_a_kernel_missing_for_later_batches_is_said_too(X, monkeypatch):
    model = fit(X, precision="bfloat16")
    monkeypatch.setattr(Linear, "kernel", staticmethod(missing))
    with pytest.raises(UserError, match=MISSING):
        model.predict_proba(X)


@pytest.mark.parametrize("training", [True, False])
def test_the_check_leaves_the_network_and_the_random_state(training):
    network = Network().train(training)
    before, state = copy.deepcopy(network), torch.get_rng_state()
    check(network)
    assert torch.equal(torch.get_rng_state(), state)
    for (name, p), q in zip(network.named_parameters(), before.parameters(), strict=True):
        assert torch.equal(p, q), name
        assert p.grad is None
    assert {m.training for m in network.modules()} == {training}
    assert not any(m._forward_hooks for m in network.modules())


def test_a_layer_that_is_kept_in_float32_is_not_tried(monkeypatch):
    class Kept(Linear):
        def forward(self, x):
            with torch.autocast("cpu", enabled=False):
                return super().forward(x)

    monkeypatch.setattr(Linear, "kernel", staticmethod(missing))
    check(Network(layer=Kept))
    with pytest.raises(UserError):
        check(Network())


def test_values_that_are_no_numbers_are_wrong_and_zeros_are_right():
    check_near(SAID, "values", [torch.zeros(3)], lambda: [torch.zeros(3)])
    for found in (torch.full((3,), torch.nan), torch.full((3,), torch.inf), torch.ones(3)):
        with pytest.raises(UserError, match="values are off by"):
            check_near(SAID, "values", [torch.zeros(3)], lambda found=found: [found])


def test_a_lack_of_memory_is_not_a_lack_of_the_format():
    def full():
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        check_near(SAID, "values", [torch.zeros(3)], full)
