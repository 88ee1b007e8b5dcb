"""The networks of the spectrogram branch and of CAF against the papers' shapes and equations."""

import numpy as np
import pytest
import torch
from feature_files import write_logmel, write_states

from pipeline.systems.caf import CAF, CAFNetwork, CAFParams
from pipeline.systems.layers.dpcnn import DPCNN
from pipeline.systems.layers.feature_fusion import FUSIONS, CrossAttentionFusion
from pipeline.systems.layers.residual import ResidualBlock
from pipeline.systems.spectrogram import SpectrogramNetwork, SpectrogramParams
from pipeline.systems.view import View

pytestmark = pytest.mark.usefixtures("one_thread")


def outputs(network, modules, *inputs):
    """Run the network; the shape that each named module put out, without the batch."""
    shapes = {}
    for name, module in modules.items():
        module.register_forward_hook(
            lambda _module, _inputs, out, name=name: shapes.update({name: tuple(out.shape[1:])})
        )
    network.eval()
    with torch.inference_mode():
        shapes["logits"] = tuple(network(*inputs).shape[1:])
    return shapes


# --- the spectrogram branch (Wei et al. 2025) ---


def test_spectrogram_network_has_the_papers_shapes_and_size():
    network = SpectrogramNetwork(278, 128, 8, SpectrogramParams())
    modules = {f"block {i}": block for i, block in enumerate(network.cnn, 1)} | {
        "tokens": network.transformer,
        "query": network.query,
    }
    assert outputs(network, modules, torch.randn(2, 278, 128)) == {
        "block 1": (16, 64, 139),
        "block 2": (32, 32, 69),
        "block 3": (64, 16, 34),
        "block 4": (64, 8, 17),
        "tokens": (69, 64),
        "query": (64,),
        "logits": (8,),
    }
    assert network.query.in_features == 64 * 8 * 17 == 8704
    assert (network.classifier.in_features, network.classifier.out_features) == (8768, 8)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(1.13e6, rel=0.01)
    layers = network.transformer.layers
    assert [(x.self_attn.num_heads, x.linear1.out_features, x.dropout.p) for x in layers] == [(4, 512, 0.4)] * 4


def test_spectrogram_branch_trains_as_the_paper_says():
    params = SpectrogramParams()
    assert (params.optimizer, params.learning_rate, params.momentum) == ("sgd", 0.01, 0.8)
    assert (params.schedule, params.step_epochs, params.step_factor) == ("step", 10, 0.7)
    assert (params.epochs, params.patience, params.monitor) == (500, 25, "valid_loss")
    assert (params.batch_size, params.clip_norm) == (32, 1.0)


def test_tokens_are_maxima_of_two_bands_by_four_frames():
    network = SpectrogramNetwork(32, 16, 3, SpectrogramParams()).eval()
    seen = []
    network.transformer.register_forward_hook(lambda _module, inputs, _out: seen.append(inputs[0]))
    x = torch.randn(2, 32, 16)
    with torch.inference_mode():
        network(x)
    assert seen[0].shape == (2, 8, 8)
    assert seen[0][1, 3, 5] == x[1, 12:16, 10:12].max()


def test_residual_block_by_hand():
    block = ResidualBlock(2, 3).eval()
    with torch.no_grad():
        for module in block.body:
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    conv1, norm1, _, conv2, norm2 = block.body
    x = torch.randn(2, 2, 7, 9)
    inner = norm2(conv2(torch.relu(norm1(conv1(x)))))
    skip = torch.einsum("oi,bihw->bohw", block.skip.weight[:, :, 0, 0], x) + block.skip.bias[:, None, None]
    wanted = torch.relu(inner + skip)[:, :, :6, :8].reshape(2, 3, 3, 2, 4, 2).amax(dim=(3, 5))
    torch.testing.assert_close(block(x), wanted)


# --- CAF (Yu et al. 2024) ---


def test_caf_is_one_linear_layer():
    d1, d2, d3 = 6, 10, 4
    fusion = CrossAttentionFusion(d1, d2, d3)
    x, y = torch.randn(5, d1), torch.randn(5, d2)
    v1, v2 = fusion.v.weight[:, :d1], fusion.v.weight[:, d1:]
    weight = torch.cat([fusion.k1.weight + v1, fusion.k2.weight + v2], dim=1)
    bias = fusion.k1.bias + fusion.k2.bias + fusion.v.bias
    wanted = torch.nn.functional.linear(torch.cat([x, y], dim=1), weight, bias)
    torch.testing.assert_close(fusion(x, y), wanted, rtol=0, atol=1e-6)
    assert fusion.dims == d3


def test_the_other_fusions_by_hand():
    x, y = torch.randn(5, 8), torch.randn(5, 8)
    wanted = {
        "sum": x + y,
        "concatenate": torch.stack([torch.cat([a, b]) for a, b in zip(x, y, strict=True)]),
        "film": torch.cat([x[:, :4] * y[:, 4:] + x[:, 4:], y[:, :4] * x[:, 4:] + y[:, 4:]], dim=1),
    }
    for name, value in wanted.items():
        fusion = FUSIONS[name](8, 8, 3)
        torch.testing.assert_close(fusion(x, y), value)
        assert fusion.dims == value.shape[1], name
    assert set(FUSIONS) == {"caf", *wanted}


@pytest.mark.parametrize(("frames", "convolutions"), [(224, 16), (4, 2), (5, 4), (24, 8)])
def test_dpcnn_halves_until_two_frames_are_left(frames, convolutions):
    network = DPCNN(frames, 20)
    last = []
    network.convolutions[-1].register_forward_hook(lambda _module, _inputs, out: last.append(out.shape[2]))
    assert network(torch.randn(2, frames, 20)).shape == (2, 250)
    assert len(network.convolutions) == convolutions
    assert last[0] <= 2
    assert network.region.weight.shape == (250, 20, 3)  # all mel bands by 3 frames


def test_dpcnn_by_hand():
    network = DPCNN(6, 3, channels=4)
    x = torch.randn(2, 6, 3)
    windows = x.unfold(1, 3, 1)  # (2, 4, 3 bands, 3 frames)
    h = torch.einsum("btmk,cmk->bct", windows, network.region.weight) + network.region.bias[:, None]
    a, b, c, d = network.convolutions
    h = h + b(torch.relu(a(torch.relu(h))))
    padded = torch.cat([h, torch.zeros(2, 4, 1)], dim=2)
    h = torch.stack([padded[:, :, 0:3].amax(dim=2), padded[:, :, 2:5].amax(dim=2)], dim=2)
    h = h + d(torch.relu(c(torch.relu(h))))
    torch.testing.assert_close(network(x), h.amax(dim=2))


def test_shared_convolutions_have_one_set_of_weights():
    own, shared = DPCNN(224, 224), DPCNN(224, 224, shared=True)
    one = 250 * 250 * 3 + 250
    region = 250 * 224 * 3 + 250
    assert sum(p.numel() for p in own.parameters()) == region + 16 * one
    assert sum(p.numel() for p in shared.parameters()) == region + one
    assert shared(torch.randn(1, 224, 224)).shape == (1, 250)


@pytest.mark.parametrize(("fusion", "width"), [("caf", 128), ("sum", 256), ("film", 256), ("concatenate", 512)])
def test_caf_network_widths(fusion, width):
    network = CAFNetwork(224, 224, 768, 7, CAFParams(fusion=fusion))
    modules = {"dpcnn": network.encoder, "a": network.project_a, "b": network.project_b, "fused": network.fusion}
    wanted = {"dpcnn": (250,), "a": (256,), "b": (256,), "fused": (width,), "logits": (7,)}
    assert outputs(network, modules, torch.randn(1, 224, 224), torch.randn(1, 768)) == wanted


def test_caf_trains_as_the_paper_says_and_reads_layer_9():
    params = CAFParams()
    assert (params.optimizer, params.learning_rate, params.batch_size) == ("adamw", 1e-4, 64)
    assert (params.stream_dim, params.fused_dim, params.layer) == (256, 128, 9)


def test_caf_averages_the_layer_asked_for_over_each_utterances_own_frames(tmp_path):
    keys = ["a", "b", "c"]
    logmel, ssl = write_logmel(tmp_path / "logmel.h5", keys), write_states(tmp_path / "ssl.h5", keys)
    X = View(keys, {"logmel": [logmel], "ssl": [ssl]})
    for layer in (1, 9):
        found = CAF(layer=layer).inputs(X)["ssl"].arrays
        for i, pooled in enumerate(found):
            rows = ssl.row(i, f"layer_{layer:02d}").astype(np.float64)
            np.testing.assert_allclose(pooled, rows.mean(axis=0), atol=1e-5)
