"""Networks trained by kernels that the processor chooses are those trained by torch's own."""

import json
from pathlib import Path

import pytest
import torch

from pipeline.bench.extraction import encoder
from pipeline.bench.trainings import QUICK_COUNT, emotions, features, untrained
from pipeline.jobs import kernels

LABEL = "dual branch, wav2vec 2.0"

if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
    pytest.skip("torch has no oneDNN here", allow_module_level=True)


@pytest.fixture
def made(monkeypatch):
    """What oneDNN was given, were the processor one of those whose MKL is slow."""
    found, by_onednn = [], kernels.by_onednn
    monkeypatch.setattr(kernels, "is_portable", lambda: False)
    monkeypatch.setattr(kernels, "_mkl_is_slow", lambda: True)
    monkeypatch.setattr(kernels, "LARGE", 0)
    monkeypatch.setattr(kernels, "by_onednn", lambda *given: found.append(given) or by_onednn(*given))
    return found


@pytest.mark.parametrize("label", ["CA-SER", LABEL, "SERCT"])
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


def test_blocks_are_computed_once_though_a_pretrained_models_config_asks_for_checkpoints(tmp_path, made):
    path = Path(encoder(tmp_path, quick=True))
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    view, losses, calls = features(LABEL, str(path), QUICK_COUNT, quick=True), [], []
    for checkpoints in (False, True):
        text = json.dumps({**config, "gradient_checkpointing": checkpoints})
        (path / "config.json").write_text(text, encoding="utf-8")
        system = untrained(LABEL, 1, "cpu", quick=True).fit(view, emotions(QUICK_COUNT))
        losses.append(system.history_[0]["train_loss"])
        calls.append(len(made))
        made.clear()
    assert losses[0] == losses[1]
    assert calls[1] == calls[0] > 0


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
