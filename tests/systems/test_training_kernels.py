"""Networks trained by kernels that the processor chooses are those trained by torch's own."""

import pytest
import torch

from pipeline.bench.extraction import encoder
from pipeline.bench.trainings import QUICK_COUNT, emotions, features, untrained
from pipeline.jobs import kernels


@pytest.fixture
def made(monkeypatch):
    """What oneDNN was given, were the processor one of those whose MKL is slow."""
    found, by_onednn = [], kernels.by_onednn
    monkeypatch.setattr(kernels, "is_portable", lambda: False)
    monkeypatch.setattr(kernels, "_mkl_is_slow", lambda: True)
    monkeypatch.setattr(kernels, "LARGE", 0)
    monkeypatch.setattr(kernels, "by_onednn", lambda *given: found.append(given) or by_onednn(*given))
    return found


@pytest.mark.parametrize("label", ["CA-SER", "dual branch, wav2vec 2.0", "SERCT"])
def test_a_training_by_onednn_is_that_by_mkl(tmp_path, monkeypatch, made, label):
    view, trained = features(label, encoder(tmp_path, quick=True), QUICK_COUNT, quick=True), []
    for slow in (False, True, True):
        monkeypatch.setattr(kernels, "_mkl_is_slow", lambda slow=slow: slow)
        system = untrained(label, 2, "cpu", quick=True).fit(view, emotions(QUICK_COUNT))
        trained.append([torch.tensor([row["train_loss"] for row in system.history_]), system.predict_proba(view)])
        assert bool(made) is slow
    for mkl, onednn, again in zip(*trained, strict=True):
        torch.testing.assert_close(onednn, mkl, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(again, onednn, rtol=0, atol=0)


def test_a_compiled_network_has_the_compilers_kernels(monkeypatch, made):
    view, cls = features("CA-SER", "", QUICK_COUNT, quick=True), type(untrained("CA-SER", 1, "cpu", quick=True))
    make = cls.network

    def compiled(self, *given):
        network = make(self, *given)
        network.compile(backend="eager")  # which only calls what it would compile
        return network

    monkeypatch.setattr(cls, "network", compiled)
    system = untrained("CA-SER", 1, "cpu", quick=True).fit(view, emotions(QUICK_COUNT))
    assert len(system.history_) == 1
    assert not made
