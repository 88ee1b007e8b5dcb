"""The wav2vec 2.0 branch from cached states (Wei et al. 2025)."""

import copy

import numpy as np
import pytest
import torch
from feature_files import write_logmel, write_states
from system_checks import KEYS, LABELS, check_alone, classifier, view

from pipeline.errors import ParamsError
from pipeline.features.ssl.loading import load_backbone
from pipeline.systems.caf import CAF
from pipeline.systems.layers.pooling import masked_mean
from pipeline.systems.view import View
from pipeline.systems.wav2vec import Wav2vecBranch, Wav2vecParams

pytestmark = pytest.mark.usefixtures("one_thread")

FAST = {
    "epochs": 30,
    "batch_size": 8,
    "patience": 0,
    "dropout": 0.0,
    "learning_rate": 1e-3,
    "schedule": "constant",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return {"logmel": write_logmel(folder / "logmel.h5", KEYS), "ssl": write_states(folder / "ssl.h5", KEYS)}


def make(**changes):
    return classifier(Wav2vecBranch, FAST, **changes)


def test_wav2vec_branch_trains_as_the_paper_says():
    params = Wav2vecParams()
    assert (params.optimizer, params.learning_rate, params.schedule) == ("adamw", 1e-4, "cosine")
    assert (params.epochs, params.patience, params.monitor) == (120, 10, "valid_acc")
    assert (params.batch_size, params.clip_norm, params.layer, params.dropout) == (32, 1.0, 9, 0.3)


def test_wav2vec_network_is_three_blocks_and_a_classifier(files):
    network = make().network(view(files, ("ssl",)), 8)
    assert len(network.top.blocks) == 3
    linear = [(x.in_features, x.out_features) for x in network.classifier if isinstance(x, torch.nn.Linear)]
    assert linear == [(64, 256), (256, 256), (256, 8)]
    for block, pretrained in zip(network.top.blocks, load_backbone("tiny").encoder.layers[9:], strict=True):
        for ours, theirs in zip(block.parameters(), pretrained.parameters(), strict=True):
            assert torch.equal(ours, theirs)


def test_blocks_10_to_12_and_the_classifier_train_and_nothing_else(files):
    backbone = load_backbone("tiny")
    before = copy.deepcopy(backbone.state_dict())
    X = view(files, ("ssl",))
    model = make(epochs=2).fit(X, LABELS)
    network = model.nets_[0].module_
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    assert {name.split(".")[0] for name in trained} == {"top", "classifier"}
    assert {name.split(".")[2] for name in trained if name.startswith("top")} == {"0", "1", "2"}
    block = sum(p.numel() for p in backbone.encoder.layers[9].parameters())
    assert model.parameter_count() == 3 * block + 65 * 256 + 257 * 256 + 257 * 4
    start = {name: p for name, p in make().network(X, 4).named_parameters() if name.startswith("top")}
    for name, value in network.named_parameters():
        if name.startswith("top") and "k_proj.bias" not in name:  # which no softmax over keys depends on
            assert not torch.equal(value, start[name]), name
    again = load_backbone("tiny").state_dict()
    assert all(torch.equal(before[name], again[name]) for name in before)


def test_what_pretrained_blocks_take_is_not_standardised_by_speaker(files):
    groups = {"speaker": {key: f"s{i % 2}" for i, key in enumerate(KEYS)}}
    roles = {role: [files[role]] for role in ("logmel", "ssl")}
    model = CAF(top_blocks=3, normalisation="per_speaker")
    found, plain = model._normalised(View(KEYS, roles, groups)), model.inputs(View(KEYS, roles))
    for i in range(16):
        np.testing.assert_array_equal(found["ssl"].arrays[i], plain["ssl"].arrays[i])
        assert np.abs(found["logmel"].arrays[i] - plain["logmel"].arrays[i]).max() > 1
    with pytest.raises(ParamsError, match="nothing to standardise here, as wav2vec reads ssl as it is"):
        make(normalisation="per_speaker").fit(View(KEYS, {"ssl": [files["ssl"]]}, groups), LABELS)


def test_wav2vec_branch_starts_after_the_layer_asked_for(files):
    network = make(layer=1).network(view(files, ("ssl",)), 4)
    assert len(network.top.blocks) == 11


def test_padding_changes_no_probability(files):
    X = view(files, ("ssl",))
    assert files["ssl"].lengths.min() < files["ssl"].lengths.max()
    check_alone(make(epochs=3).fit(X, LABELS), X)


def test_masked_mean_by_hand():
    x = torch.randn(3, 4, 2)
    lengths = (4, 1, 2)
    valid = torch.arange(4) < torch.tensor(lengths)[:, None]
    wanted = torch.stack([row[:n].mean(dim=0) for row, n in zip(x, lengths, strict=True)])
    torch.testing.assert_close(masked_mean(x, valid), wanted)
