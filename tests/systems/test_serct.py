"""SERCT against the thesis's shapes, and what must hold of any waveform network: padding changes nothing."""

import numpy as np
import pytest
import torch
from system_checks import KEYS, LABELS, check_alone, check_learnt, check_saved, check_seed

from pipeline.errors import ParamsError, UserError
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.feature_writer import FeatureWriter
from pipeline.storage.header import Header, Outline
from pipeline.strict import validate
from pipeline.systems import find_system
from pipeline.systems.layers.deformable_attention import DeformableAttention
from pipeline.systems.layers.waveform_cnn import WaveformCNN, WaveformFrames, frame_counts, hop, receptive_field
from pipeline.systems.serct import SERCT, SERCTNetwork, SERCTParams
from pipeline.systems.view import View

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = {"channels": 16, "width": 32, "heads": 4, "feed_forward": 16, "window_scale": 20}
VARIANTS = {
    "serct": {},
    "additive": {"weighting": "additive"},
    "vanilla": {"attention": "vanilla"},
    "without transformer": {"attention": "none"},
    "without cnn": {"front": "frames"},
    "one layer": {"depth": 1},
    "text": {"convolutions": 6, "norm": "layer", "bias": False},
}
LENGTHS = torch.tensor([4000, 2171, 300])
VALID = torch.arange(4000) < LENGTHS[:, None]


def write_waveforms(path, waves, rate=16000):
    """{key: (samples,)} as the waveform extractor writes them."""
    header = Header(extractor="waveform", version="1", params={}, frame_rate=float(rate), corpus="toy")
    lengths = np.array([len(wave) for wave in waves.values()], np.int64)
    digests = np.zeros((len(waves), 32), np.uint8)
    outline = Outline(header, list(waves), digests, {"values": 1}, {"values": np.dtype(np.int16)})
    with FeatureWriter(path, outline, lengths) as w:
        for i, wave in enumerate(waves.values()):
            w.put(i, "values", wave.astype(np.int16)[:, None])
    return FeatureFile(path)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Tones with some noise, of a pitch for each emotion, of differing lengths."""
    rng = np.random.default_rng(0)
    waves = {}
    for i, key in enumerate(KEYS):
        time = np.arange(int(rng.integers(1500, 3000))) / 16000
        tone = np.sin(2 * np.pi * 200 * 1.75 ** (i % 4) * time + rng.uniform(0, 6))
        waves[key] = 6000 * tone + 500 * rng.standard_normal(len(time))
    return write_waveforms(tmp_path_factory.mktemp("waveforms") / "waveform.h5", waves)


def view(file, keys=KEYS):
    return View(keys, {"waveform": [file]})


def make(seed=0, **changes):
    options = {**SMALL, "depth": 2, "dropout": 0.0, "schedule": "constant"}
    options |= {"epochs": 20, "learning_rate": 1e-3, "warmup_epochs": 3.0, "batch_size": 8}
    return SERCT(**{**options, **changes}, seed=seed)


def small_network(classes=5, spread=0.3, **changes):
    torch.manual_seed(1)
    network = SERCTNetwork(classes, SERCTParams(**{**SMALL, **changes})).eval()
    for name, parameter in network.named_parameters():
        if "window.weight" in name:
            torch.nn.init.normal_(parameter, std=spread)
    return network


# --- the thesis's shapes and sizes ---


def test_the_network_has_the_shapes_and_the_size_of_the_thesis():
    network = SERCTNetwork(7, SERCTParams()).eval()
    shapes = {}
    modules = {"project": network.project, "head": network.classifier}
    modules |= {f"conv {i}": x for i, x in enumerate(network.front.convolutions, 1)}
    modules |= {f"layer {i}": x for i, x in enumerate(network.layers, 1)}
    for name, module in modules.items():
        module.register_forward_hook(lambda _module, _inputs, out, name=name: shapes.update({name: out.shape[1:]}))
    wave = torch.randint(-3000, 3000, (1, 48000, 1)).float()  # 3 s
    with torch.inference_mode():
        assert network(wave, torch.ones(1, 48000, dtype=torch.bool)).shape == (1, 7)
    frames = [9599, 4799, 2399, 1199, 599, 299, 149]
    assert [shapes[f"conv {i}"] for i in range(1, 8)] == [(512, count) for count in frames]
    assert shapes["project"] == (149, 1024)
    assert [shapes[f"layer {i}"] for i in range(1, 5)] == [(149, 1024)] * 4
    assert shapes["head"] == (149, 7)
    assert [x.out_features for x in network.classifier if isinstance(x, torch.nn.Linear)] == [512, 256, 7]
    assert all(x.bias is None for x in network.front.convolutions)
    layer = network.layers[0]
    assert (layer.attention.heads, layer.attention.window.out_features, layer.feed_forward[0].out_features) == (
        8,
        16,
        512,
    )
    # 4.20 + 0.53 + 4 x 5.27 + 0.66 million: "about 26 M".
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(26.46e6, rel=0.001)


def test_serct_trains_as_the_thesis_says_and_as_its_scripts_do():
    params = SERCTParams()
    assert (params.optimizer, params.learning_rate, params.weight_decay) == ("adam", 1e-5, 0.005)
    assert (params.batch_size, params.epochs, params.patience) == (16, 20, 0)
    assert (params.schedule, params.step_epochs, params.step_factor) == ("step", 10, 0.1)
    assert (params.depth, params.heads, params.dropout, params.weighting) == (4, 8, 0.1, "multiply")


@pytest.mark.parametrize("depth", range(1, 7))
def test_depth(depth):
    network = small_network(depth=depth)
    assert len(network.layers) == depth
    assert network(torch.randn(2, 2000, 1), torch.ones(2, 2000, dtype=torch.bool)).shape == (2, 5)


def test_the_ablations_leave_out_what_they_say():
    assert len(small_network(attention="none").layers) == 0
    assert isinstance(small_network().layers[0].attention, DeformableAttention)
    assert isinstance(small_network(attention="vanilla").layers[0].attention, torch.nn.MultiheadAttention)
    without = small_network(front="frames")
    assert not list(without.front.parameters())
    assert without.project[1].in_features == 400


def test_the_texts_variant_has_six_convolutions_layer_norms_and_no_biases():
    text = {"learning_rate": 1e-3, "convolutions": 6, "norm": "layer", "bias": False, "window_scale": 299}
    network = SERCTNetwork(7, SERCTParams(**text)).eval()
    assert [x.kernel_size[0] for x in network.front.convolutions] == [10, 3, 3, 3, 3, 2]
    assert [x.normalized_shape for x in network.front.norms] == [(512,)] * 6
    linear = {name: x for name, x in network.layers.named_modules() if isinstance(x, torch.nn.Linear)}
    assert {name.split(".", 1)[1] for name, x in linear.items() if x.bias is not None} == {"attention.window"}
    wave, valid = torch.randint(-3000, 3000, (1, 48000, 1)).float(), torch.ones(1, 48000, dtype=torch.bool)
    with torch.inference_mode():
        tokens, whole = network.front(wave[..., 0], valid)
        assert (tokens.shape, whole.shape) == ((1, 299, 512), (1, 299))
        assert network(wave, valid).shape == (1, 7)
    vanilla = SERCTNetwork(7, SERCTParams(**text, attention="vanilla"))
    assert vanilla.layers[0].attention.in_proj_bias is None


def test_the_layout_of_the_scripts_variant_stays():
    network = small_network(attention="vanilla", depth=1)
    front = [*(f"convolutions.{i}.weight" for i in range(7)), "norm_bias", "norm_weight"]
    assert sorted(network.front.state_dict()) == front
    both = [f"{name}.{kind}" for name in ("feed_forward.0", "feed_forward.3") for kind in ("bias", "weight")]
    assert [name for name in sorted(network.layers[0].state_dict()) if name.startswith("feed_forward.")] == both
    attention = sorted(small_network(depth=1).layers[0].attention.state_dict())
    assert attention == [f"{name}.{kind}" for name in ("out", "qkv", "window") for kind in ("bias", "weight")]


def test_positions_are_sinusoids_whatever_the_seed():
    first, second = small_network(), SERCTNetwork(5, SERCTParams(**SMALL))
    torch.testing.assert_close(first.positions.table, second.positions.table)
    assert first.positions.table[0].tolist() == [0.0, 1.0] * 16
    assert "positions.table" not in dict(first.named_parameters())


# --- the convolutional encoder ---


def test_frames_are_25_ms_every_20_ms():
    assert (receptive_field(), hop()) == (400, 320)
    samples = torch.tensor([48000, 144000, 719, 720, 400, 399, 1])
    assert frame_counts(samples).tolist() == [149, 449, 1, 2, 1, 1, 1]
    assert (receptive_field(6), hop(6)) == (240, 160)  # 15 ms every 10 ms
    assert frame_counts(samples, 6).tolist() == [299, 899, 3, 4, 2, 1, 1]


def test_the_encoder_is_convolution_group_norm_and_gelu():
    torch.manual_seed(0)
    encoder = WaveformCNN(8)
    torch.nn.init.normal_(encoder.norm_weight)
    torch.nn.init.normal_(encoder.norm_bias)
    wave = torch.randn(2, 2000)
    norm = torch.nn.GroupNorm(8, 8)
    norm.load_state_dict({"weight": encoder.norm_weight, "bias": encoder.norm_bias})
    wanted = torch.nn.functional.gelu(norm(encoder.convolutions[0](wave[:, None])))
    for convolution in encoder.convolutions[1:]:
        wanted = torch.nn.functional.gelu(convolution(wanted))
    found, valid = encoder(wave, torch.ones(2, 2000, dtype=torch.bool))
    assert valid.all()
    torch.testing.assert_close(found, wanted.transpose(1, 2), atol=1e-5, rtol=1e-4)


def test_layer_norm_follows_each_convolution():
    torch.manual_seed(0)
    encoder = WaveformCNN(8, 6, "layer")
    for norm in encoder.norms:
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
    wave = torch.randn(2, 2000)
    wanted = wave[:, None]
    for convolution, norm in zip(encoder.convolutions, encoder.norms, strict=True):
        wanted = torch.nn.functional.gelu(norm(convolution(wanted).mT).mT)
    found, valid = encoder(wave, torch.ones(2, 2000, dtype=torch.bool))
    assert valid.all()
    torch.testing.assert_close(found, wanted.mT)


def test_a_frame_without_the_cnn_is_the_samples_the_cnn_would_see():
    wave = torch.randn(2, 2000)
    found, valid = WaveformFrames()(wave, torch.ones(2, 2000, dtype=torch.bool))
    assert found.shape == (2, 6, 400)
    assert valid.all()
    torch.testing.assert_close(found[1, 3], wave[1, 960:1360])


@pytest.mark.parametrize(
    ("front", "counts"),
    [(WaveformCNN(8), [12, 6, 1]), (WaveformFrames(), [12, 6, 1]), (WaveformCNN(8, 6, "layer"), [24, 13, 1])],
    ids=["cnn", "frames", "text"],
)
def test_valid_frames_see_no_padding_and_none_is_missing(front, counts):
    wave = torch.randn(3, 4000).masked_fill(~VALID, 100.0)
    together, valid = front(wave, VALID)
    assert valid.sum(dim=1).tolist() == counts
    for row, length in enumerate(LENGTHS.tolist()):
        alone, whole = front(wave[row : row + 1, :length], VALID[row : row + 1, :length])
        assert whole.all()
        torch.testing.assert_close(together[row][valid[row]], alone[0], atol=1e-5, rtol=0)


# --- masks, gradients ---


@pytest.mark.parametrize("variant", VARIANTS)
def test_padding_changes_no_logit(variant):
    network = small_network(**VARIANTS[variant])
    wave = torch.randint(-20000, 20000, (3, 4000, 1)).float()
    with torch.inference_mode():
        together = network(wave, VALID)
        alone = [network(wave[i : i + 1, :n], VALID[i : i + 1, :n]) for i, n in enumerate(LENGTHS.tolist())]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)
    assert (together[0] - together[1]).abs().max() > 1e-3


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_reach_all_that_trains(variant):
    network = small_network(**VARIANTS[variant]).train()
    wave = torch.randint(-20000, 20000, (3, 4000, 1)).float()
    torch.nn.functional.cross_entropy(network(wave, VALID), torch.tensor([0, 1, 2])).backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
    windows = [name for name, _ in network.named_parameters() if name.endswith("window.bias")]
    assert len(windows) == sum(layer.deformable for layer in network.layers)


# --- as a classifier ---


@pytest.mark.slow
@pytest.mark.parametrize("variant", [name for name in VARIANTS if name not in ("additive", "one layer")])
def test_sixteen_utterances_are_learnt_by_heart(file, tmp_path, variant):
    X = view(file)
    model = make(epochs=60, **VARIANTS[variant]).fit(X, LABELS)
    check_learnt(model, X)
    check_alone(model, X)
    check_saved(model, X, tmp_path)


def test_the_seed_decides(file):
    X = view(file)
    check_seed(lambda seed: make(seed, epochs=2, dropout=0.2).fit(X, LABELS).predict_proba(X))


def test_the_registry_finds_it_and_says_what_it_reads():
    entry = find_system("serct")
    assert entry.load() is SERCT
    assert entry.roles == ("waveform",)


# --- what cannot be ---


def test_another_rate_is_refused(tmp_path):
    X = view(write_waveforms(tmp_path / "fast.h5", {key: np.ones(500) for key in KEYS}, 48000))
    with pytest.raises(UserError, match=r"fast\.h5: is at 48000 Hz; SERCT takes waveforms of 16000 Hz"):
        make().fit(X, LABELS)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ParamsError, match="5 heads do not divide width 32"):
        validate(SERCTParams, {"width": 32, "heads": 5}, "params")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"attention": "deformed"}, "attention"),
        ({"depth": 0}, "depth"),
        ({"hedas": 2}, "hedas"),
        ({"convolutions": 5}, "convolutions"),
        ({"norm": "batch"}, "norm"),
    ],
)
def test_mistakes_in_params_are_named(change, key):
    with pytest.raises(ParamsError, match=key):
        validate(SERCTParams, change, "params")
