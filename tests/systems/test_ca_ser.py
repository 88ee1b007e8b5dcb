"""CA-SER (Deeb et al. 2024): shapes, size, masks, training; sinusoidal positions, the BiLSTM and attention blocks."""

import math

import numpy as np
import pytest
import torch
from feature_files import write_features, write_states
from system_checks import (
    KEYS,
    LABELS,
    check_alone,
    check_learnt,
    check_saved,
    check_seed,
    classifier,
    silent_parameters,
)
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pipeline.errors import ParamsError, UserError
from pipeline.strict import validate
from pipeline.systems import find_system
from pipeline.systems.ca_ser import CASER, CASERNetwork, CASERParams
from pipeline.systems.layers.bilstm import BiLSTM
from pipeline.systems.layers.cross_attention import Attention, AttentionBlock
from pipeline.systems.layers.positions import SinusoidalPositions
from pipeline.systems.view import View

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = {"width": 16, "lstm_units": 8, "heads": 2, "head_width": 4, "feed_forward": 16}
FAST = {**SMALL, "epochs": 40, "batch_size": 8, "accumulate": 1, "learning_rate": 1e-2, "patience": 0, "dropout": 0.0}


@pytest.fixture(scope="module")
def X(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    rng = np.random.default_rng(5)
    mfcc = {key: rng.standard_normal((int(rng.integers(6, 18)), 5)).astype(np.float32) for key in KEYS}
    files = {"mfcc": [write_features(folder / "mfcc.h5", mfcc, "mfcc")], "ssl": [write_states(folder / "ssl.h5", KEYS)]}
    return View(KEYS, files)


@pytest.fixture(scope="module")
def fitted(X):
    return make().fit(X, LABELS)


def make(seed=0, **changes):
    return classifier(CASER, FAST, seed, **changes)


def ragged_batch(mfcc_lengths, ssl_lengths, mfcc_dim=40, ssl_dim=768):
    """Inputs of the network: noise everywhere, in the padding too."""
    valid = [torch.arange(max(lengths)) < torch.tensor(lengths)[:, None] for lengths in (mfcc_lengths, ssl_lengths)]
    count = len(mfcc_lengths)
    return {
        "mfcc": torch.randn(count, max(mfcc_lengths), mfcc_dim) * 20,
        "mfcc_valid": valid[0],
        "ssl": torch.randn(count, max(ssl_lengths), ssl_dim),
        "ssl_valid": valid[1],
    }


# --- the network ---


def test_the_network_has_the_papers_shapes():
    network = CASERNetwork(40, 768, 4, CASERParams()).eval()
    shapes = {}
    for name in ("project_ssl", "lstm", "project_mfcc", "positions", "self_attention", "fusion", "classifier"):
        getattr(network, name).register_forward_hook(
            lambda _module, _inputs, out, name=name: shapes.update({name: tuple(out.shape[1:])})
        )
    with torch.inference_mode():
        network(**ragged_batch((33, 20), (16, 9)))
    assert shapes == {
        "project_ssl": (16, 512),
        "lstm": (33, 1024),
        "project_mfcc": (33, 512),
        "positions": (33, 512),
        "self_attention": (33, 512),
        "fusion": (33, 512),
        "classifier": (4,),
    }
    lstm = network.lstm
    for direction in (lstm.ahead, lstm.back):
        assert [(x.input_size, x.hidden_size) for x in direction] == [(40, 512), (1024, 512)]
    assert lstm.dropout == 0.1
    for block, heads in ((network.self_attention, 1), (network.fusion, 8)):
        assert block.attention.heads == heads
        assert [(x.in_features, x.out_features) for x in block.feed_forward if isinstance(x, torch.nn.Linear)] == [
            (512, 1024),
            (1024, 512),
        ]
        assert isinstance(block.feed_forward[1], torch.nn.GELU)
        assert (block.dropout.p, block.feed_forward[2].p) == (0.3, 0.3)


def test_it_has_13_2_million_parameters():
    network = CASERNetwork(40, 768, 4, CASERParams())
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(13.2e6, rel=0.01)
    assert all(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize(("mfcc_dim", "ssl_dim"), [(40, 64), (13, 1024)])
def test_other_widths_are_taken(mfcc_dim, ssl_dim):
    network = CASERNetwork(mfcc_dim, ssl_dim, 3, CASERParams(**SMALL)).eval()
    assert network(**ragged_batch((7, 3), (2, 5), mfcc_dim, ssl_dim)).shape == (2, 3)


def test_it_trains_as_the_paper_says_and_reads_layer_9():
    params = CASERParams()
    assert (params.optimizer, params.learning_rate, params.schedule) == ("adamw", 4e-5, "constant")
    assert (params.batch_size, params.accumulate, params.epochs) == (2, 4, 20)
    assert (params.patience, params.monitor, params.layer) == (7, "valid_acc", 9)


def test_what_it_computes_from_one_utterance_by_hand():
    network = CASERNetwork(5, 6, 3, CASERParams(**SMALL)).eval()
    batch = ragged_batch((9,), (4,), 5, 6)
    mfcc = batch["mfcc"] / batch["mfcc"].square().sum(dim=2, keepdim=True).sqrt()
    frames = network.positions(network.project_mfcc(network.lstm(mfcc)))
    frames = network.self_attention(frames, frames)
    fused = network.fusion(frames, network.project_ssl(batch["ssl"].tanh()))
    logits = network.classifier(fused).mean(dim=1)  # of every frame, then the mean
    torch.testing.assert_close(network(**batch), logits)


def test_the_level_of_an_mfcc_frame_does_not_count():
    network = CASERNetwork(5, 6, 3, CASERParams(**SMALL)).eval()
    batch = ragged_batch((9, 4), (4, 6), 5, 6)
    louder = {**batch, "mfcc": batch["mfcc"] * torch.rand(2, 9, 1).add(0.5)}
    torch.testing.assert_close(network(**louder), network(**batch), rtol=0, atol=1e-5)


# --- masks ---


def test_padding_changes_no_output_and_no_gradient():
    torch.manual_seed(0)
    network = CASERNetwork(40, 64, 4, CASERParams()).eval()
    mfcc_lengths, ssl_lengths = (40, 7, 23), (5, 20, 11)
    batch = ragged_batch(mfcc_lengths, ssl_lengths, 40, 64)
    batch["mfcc"].requires_grad_()
    batch["ssl"].requires_grad_()
    together = network(**batch)
    for i, (m, s) in enumerate(zip(mfcc_lengths, ssl_lengths, strict=True)):
        one = {"mfcc": batch["mfcc"][i : i + 1, :m], "ssl": batch["ssl"][i : i + 1, :s]}
        alone = network(**one, mfcc_valid=torch.ones(1, m).bool(), ssl_valid=torch.ones(1, s).bool())
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-5)
    together.square().sum().backward()
    for name in ("mfcc", "ssl"):
        silent = batch[name].grad.abs().sum(dim=2) == 0
        assert torch.equal(silent, ~batch[f"{name}_valid"])


def test_a_batch_gives_the_probabilities_of_one_at_a_time(X, fitted):
    assert len({len(rows) for rows in X.arrays("mfcc")}) > 3
    check_alone(fitted, X)


# --- training ---


def test_gradients_reach_every_parameter(X):
    assert silent_parameters(make(), X) == []


def test_sixteen_utterances_are_learnt_by_heart(X, fitted):
    check_learnt(fitted, X)


def test_the_seed_decides(X):
    check_seed(lambda seed: make(seed, epochs=2, dropout=0.3).fit(X, LABELS).predict_proba(X))


def test_saving_and_loading_changes_no_probability(X, fitted, tmp_path):
    loaded = check_saved(fitted, X, tmp_path)
    np.testing.assert_array_equal(loaded.representation(X), fitted.representation(X))


def test_the_published_training_runs_with_validation(X):
    model = CASER(**SMALL, epochs=3).fit(X[:8], LABELS[:8], validation=(X[8:], LABELS[8:]))
    assert 1 <= len(model.history_) <= 3
    with pytest.raises(UserError, match="patience 7 needs a validation part"):
        CASER(**SMALL, epochs=3).fit(X, LABELS)


def test_the_representation_is_what_the_classifier_reads(X, fitted):
    found = fitted.representation(X)
    assert found.shape == (16, 16)
    classifier = fitted.nets_[0].module_.classifier
    with torch.inference_mode():
        probabilities = classifier(torch.from_numpy(found)).softmax(dim=1)
    np.testing.assert_allclose(probabilities, fitted.predict_proba(X), atol=1e-6)
    assert not np.allclose(found[0], found[4])


# --- the registry, and what cannot be ---


def test_the_registry_finds_it():
    entry = find_system("ca_ser")
    assert entry.load() is CASER
    assert entry.roles == ("mfcc", "ssl")


def test_a_missing_layer_is_named(X):
    with pytest.raises(UserError, match=r"ssl\.h5: has no layer 7"):
        make(layer=7).fit(X, LABELS)


def test_heads_must_divide():
    with pytest.raises(ParamsError, match="self_heads 3 does not divide width 512"):
        validate(CASERParams, {"self_heads": 3})


# --- sinusoidal positions ---


@pytest.mark.parametrize("dims", [8, 7])
def test_positions_are_sinusoids(dims):
    found = SinusoidalPositions(dims)(torch.zeros(1, 900, dims))[0]
    for t in (0, 1, 37, 899):
        for i in range(dims):
            angle = t / 10000 ** (2 * (i // 2) / dims)
            assert found[t, i] == pytest.approx(math.cos(angle) if i % 2 else math.sin(angle), abs=1e-6)


def test_positions_neither_train_nor_are_saved_and_grow():
    positions = SinusoidalPositions(6, frames=4)
    assert list(positions.parameters()) == []
    assert positions.state_dict() == {}
    short, long = positions(torch.zeros(2, 3, 6)), positions(torch.zeros(2, 50, 6))
    assert torch.equal(long[:, :3], short)
    assert len(positions.table) >= 50


# --- the BiLSTM ---


@pytest.mark.parametrize("lengths", [(2, 9, 5), None])
def test_the_bilstm_is_torchs_of_a_packed_sequence(lengths):
    ours, theirs = BiLSTM(3, 4, layers=2), torch.nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True)
    weights = {}
    for layer in range(2):
        for direction, suffix in ((ours.ahead, ""), (ours.back, "_reverse")):
            weights |= {f"{n[:-3]}_l{layer}{suffix}": w for n, w in direction[layer].state_dict().items()}
    theirs.load_state_dict(weights)
    x = torch.randn(3, 9, 3)
    if lengths is None:
        torch.testing.assert_close(ours(x), theirs(x)[0], rtol=0, atol=1e-6)
        return
    packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    wanted = pad_packed_sequence(theirs(packed)[0], batch_first=True)[0]
    found = ours(x, torch.arange(9) < torch.tensor(lengths)[:, None])
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
    assert not found[0, 2:].any()


def test_the_bilstm_drops_out_between_its_layers_only():
    x = torch.randn(2, 9, 3)
    for layers, changes in ((1, False), (2, True)):
        lstm = BiLSTM(3, 4, layers, dropout=0.5).train()
        assert (not torch.equal(lstm(x), lstm(x))) == changes
        lstm.eval()
        assert torch.equal(lstm(x), lstm(x))


# --- attention ---


def test_attention_is_torchs_with_the_same_weights():
    ours, theirs = Attention(12, 3), torch.nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        ours.query.bias.normal_()
        ours.value.bias.normal_()
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, torch.randn(12), ours.value.bias]))  # keys': any will do
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    x, y = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    valid = torch.arange(7) < torch.tensor([7, 3])[:, None]
    wanted = theirs(x, y, y, key_padding_mask=~valid)[0]
    torch.testing.assert_close(ours(x, y, valid), wanted, rtol=0, atol=1e-5)


def test_attention_of_other_widths():
    attention = Attention(10, 4, key_dims=6, inner=8)
    assert attention(torch.randn(2, 5, 10), torch.randn(2, 7, 6)).shape == (2, 5, 10)
    with pytest.raises(ValueError, match="3 heads do not divide a width of 8"):
        Attention(10, 3, inner=8)


def test_a_block_is_post_norm():
    block = AttentionBlock(8, 2, 16, activation="relu").eval()
    with torch.no_grad():
        for norm in (block.attention_norm, block.feed_forward_norm):
            norm.weight.normal_()
            norm.bias.normal_()
    x, y = torch.randn(2, 5, 8), torch.randn(2, 7, 8)
    first, _, _, second = block.feed_forward
    inner = block.attention_norm(x + block.attention(x, y))
    wanted = block.feed_forward_norm(inner + second(torch.relu(first(inner))))
    torch.testing.assert_close(block(x, y), wanted)
