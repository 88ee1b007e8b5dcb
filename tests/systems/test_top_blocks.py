"""The top blocks of a pretrained encoder, trained from cached states."""

import numpy as np
import pytest
from ssl_checkpoints import CHECKPOINTS, build

from pipeline.errors import UserError
from pipeline.storage.source import Arrays

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from pipeline.features.ssl.loading import weights_digest  # noqa: E402
from pipeline.features.ssl.wav2vec import hidden_states  # noqa: E402
from pipeline.systems.layers.ssl_top_blocks import TopBlocks  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=CHECKPOINTS)
def model(request):
    return build(request.param)


@pytest.mark.parametrize("first", [0, 2, 3])
def test_top_blocks_give_the_models_own_last_hidden_state(model, first):
    rng = np.random.default_rng(0)
    waves = [rng.standard_normal(samples).astype(np.float32) for samples in (9000, 4000)]
    with torch.inference_mode():
        states = hidden_states(model, waves, (first,))
    counts = [len(state[first]) for state in states]
    hidden = torch.nn.utils.rnn.pad_sequence([state[first] for state in states], batch_first=True, padding_value=9.0)
    valid = torch.arange(hidden.shape[1]) < torch.tensor(counts)[:, None]
    with torch.inference_mode():
        last = TopBlocks(model, first).eval()(hidden, valid)
    assert not last[~valid].any()
    for row, wave, count in zip(last, waves, counts, strict=True):
        with torch.inference_mode():
            theirs = model(torch.from_numpy(wave)[None]).last_hidden_state[0]
        assert (row[:count] - theirs).abs().max() < 1e-4


def test_top_blocks_train_without_touching_the_backbone(model):
    before = weights_digest(model, True)
    top = TopBlocks(model, 2).train()
    names = {name for name, parameter in top.named_parameters() if parameter.requires_grad}
    assert names
    assert all(name.startswith("blocks.") for name in names)
    hidden, valid = torch.randn(2, 11, 32).half(), torch.arange(11) < torch.tensor([[11], [4]])
    optimiser = torch.optim.SGD(top.parameters(), lr=0.1)
    top(hidden, valid).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in top.parameters() if p.requires_grad)
    optimiser.step()
    assert weights_digest(model, True) == before


def test_top_blocks_need_a_block():
    with pytest.raises(UserError, match="no blocks to train after layer 4: the model has 4"):
        TopBlocks(build("wav2vec2-group"), 4)


def test_blocks_take_no_pooled_states():
    pooled = Arrays({"layer_09": [np.zeros((1, 128), np.float32)]}, ["a"], "ssl", {"model": "tiny", "pool": "mean_std"})
    with pytest.raises(UserError, match="is pooled to a row an utterance, and blocks are trained on frames"):
        TopBlocks.cached(pooled, 9)
