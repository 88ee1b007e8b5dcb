"""HuMP-CAT (Zhao et al. 2025): shapes, fusion, AM-softmax, training, and the variants of its ablations."""

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
from system_checks import view as view_of

from pipeline.errors import ParamsError, UserError
from pipeline.features.presets import PRESETS
from pipeline.strict import validate
from pipeline.systems import find_system, systems
from pipeline.systems.hump_cat import HuMPCATNetwork, HuMPCATParams, LayerFusion
from pipeline.systems.layers.am_softmax import AMSoftmaxLoss, CosineClassifier
from pipeline.systems.layers.cross_attention import CrossAttentionTransformer
from pipeline.systems.layers.pooling import mean_and_variance

pytestmark = pytest.mark.usefixtures("one_thread")

PAPER = {"prosody": 103, "mfcc": 39, "ssl": 768}
FAST = {"epochs": 40, "batch_size": 8, "learning_rate": 3e-3, "patience": 0, "dropout": 0.0}
VARIANTS = {name: entry.roles for name, entry in systems().items() if name.startswith("hump_cat")}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    rng = np.random.default_rng(5)

    def noise(name, frames, dims):
        found = {key: rng.normal(-20, 9, (frames, dims)).astype(np.float32) for key in KEYS}
        return write_features(folder / f"{name}.h5", found, name)

    return {
        "prosody": noise("prosody", 1, 7),
        "mfcc": noise("mfcc", 19, 5),
        "logmel": noise("logmel", 13, 6),
        "ssl": write_states(folder / "ssl.h5", KEYS, lengths=(23, 24)),
    }


def view(files, variant="hump_cat"):
    return view_of(files, VARIANTS[variant])


def make(seed=0, variant="hump_cat", **changes):
    return classifier(find_system(variant).load(), FAST, seed, **changes)


@pytest.fixture(scope="module")
def fitted(files):
    return {variant: make(variant=variant).fit(view(files, variant), LABELS) for variant in VARIANTS}


def paper_inputs(roles=("prosody", "mfcc", "ssl"), batch=2):
    inputs = {}
    if "prosody" in roles:
        inputs["prosody"] = torch.randn(batch, 103)
    if "mfcc" in roles:
        inputs["mfcc"] = torch.randn(batch, 349, 39)
    if "ssl" in roles:
        inputs |= {"ssl_01": torch.randn(batch, 349, 768), "ssl_09": torch.randn(batch, 349, 768)}
    return inputs


# --- the network ---


def test_the_network_has_the_papers_shapes():
    network = HuMPCATNetwork(PAPER, 4, HuMPCATParams()).eval()
    modules = {
        "layers": network.layer_fusion,
        "convolution": network.state_encoder.norm,
        "hubert": network.state_encoder,
        "prosody": network.encoders["prosody"],
        "mfcc": network.encoders["mfcc"],
        "R_pm": network.acoustic_fusion,
        "R": network.fusion,
        "cosines": network.classifier,
    }
    shapes = {}
    for name, module in modules.items():
        module.register_forward_hook(
            lambda _module, _inputs, out, name=name: shapes.update({name: tuple(out.shape[1:])})
        )
    network.classifier.register_forward_hook(lambda _module, args, _out: shapes.update(pooled=tuple(args[0].shape[1:])))
    with torch.inference_mode():
        network(**paper_inputs())
    assert shapes == {
        "layers": (349, 768),
        "convolution": (4, 85, 251),
        "hubert": (85, 32),
        "prosody": (8, 32),
        "mfcc": (87, 32),
        "R_pm": (95, 32),
        "R": (180, 32),
        "pooled": (64,),
        "cosines": (4,),
    }
    convolution = network.state_encoder.convolution
    assert (convolution.kernel_size, convolution.stride) == ((10, 18), (4, 3))
    assert network.state_encoder.project.in_features == 4 * 251
    assert [x.in_features for x in network.encoders["prosody"] if isinstance(x, torch.nn.Linear)] == [103, 64]
    for cat in (network.acoustic_fusion, network.fusion):
        for block in (cat.a_to_b, cat.b_to_a):
            assert (block.attention.heads, block.feed_forward[0].out_features) == (4, 128)


def test_its_size():
    def size(module):
        return sum(p.numel() for p in module.parameters())

    network = HuMPCATNetwork(PAPER, 4, HuMPCATParams())
    assert size(network.layer_fusion) == 2 * 769
    assert size(network.state_encoder) == 4 * 180 + 2 * 4 + 1004 * 32 + 32
    assert size(network.encoders["prosody"]) == 104 * 64 + 65 * 256
    assert size(network.encoders["mfcc"]) == 2 * (64 * (39 + 16) + 2 * 64)
    block = 4 * 32 * 32 + 3 * 32 + 32 * 128 + 128 + 128 * 32 + 32 + 4 * 32
    assert size(network.fusion) == size(network.acoustic_fusion) == 2 * block
    assert size(network.classifier) == 4 * 64
    parts = (network.layer_fusion, network.state_encoder, network.encoders, network.fusion, network.acoustic_fusion)
    assert size(network) == sum(size(part) for part in (*parts, network.classifier))


def test_the_paper_lengths_come_from_its_presets():
    params = PRESETS["hump_cat_mfcc"][1]
    samples = int(params["clip"] * params["sample_rate"])
    assert (samples - params["n_fft"]) // params["hop_length"] + 1 == 349
    assert params["n_mfcc"] * (1 + params["deltas"]) == PAPER["mfcc"]


def test_it_trains_as_the_paper_says():
    params = HuMPCATParams()
    assert (params.optimizer, params.learning_rate, params.epochs, params.batch_size) == ("adam", 1e-3, 50, 32)
    assert (params.layers, params.width, params.scale, params.margin) == ((1, 9), 32, 30, 0.2)


def test_layers_are_weighed_frame_by_frame():
    fusion = LayerFusion(2, 3)
    a, b = torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    score_a, score_b = (x @ s.weight[0] + s.bias for x, s in zip((a, b), fusion.scores, strict=True))
    share = 1 / (1 + (score_b - score_a).exp())
    torch.testing.assert_close(fusion([a, b]), share[..., None] * a + (1 - share)[..., None] * b)
    alone = LayerFusion(1, 3)
    assert alone([a]) is a
    assert list(alone.parameters()) == []


def test_either_sequence_attends_to_the_other():
    cat = CrossAttentionTransformer(8, 2, 16).eval()
    a, b = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    found = cat(a, b)
    torch.testing.assert_close(found[:, :3], cat.a_to_b(a, b))
    torch.testing.assert_close(found[:, 3:], cat.b_to_a(b, a))
    moved = cat(a, b + 1)
    assert not torch.allclose(moved[:, :3], found[:, :3])


def test_mfcc_are_averaged_by_four_frames():
    encoder = HuMPCATNetwork({"mfcc": 2}, 3, HuMPCATParams()).encoders["mfcc"].eval()
    seen = []
    encoder.lstm.register_forward_hook(lambda _module, args, _out: seen.append(args[0]))
    x = torch.randn(1, 11, 2)
    encoder(x)
    torch.testing.assert_close(seen[0], torch.stack([x[:, 0:4].mean(dim=1), x[:, 4:8].mean(dim=1)], dim=1))


def test_mean_and_variance_by_hand():
    x = torch.randn(3, 7, 4, dtype=torch.float64)
    numbers = x.numpy()
    wanted = np.hstack([numbers.mean(axis=1), numbers.var(axis=1)])
    np.testing.assert_allclose(mean_and_variance(x), wanted, atol=1e-12)


# --- AM-softmax ---


def test_am_softmax_by_hand():
    torch.manual_seed(0)
    classifier = CosineClassifier(6, 3, scale=30)
    x, y = torch.randn(5, 6), torch.tensor([0, 2, 1, 1, 0])
    logits = classifier(x)
    losses = []
    for row, target, scaled in zip(x, y, logits, strict=True):
        cosines = [float((row @ w / row.norm() / w.norm()).detach()) for w in classifier.weight]
        assert scaled.tolist() == pytest.approx([30 * c for c in cosines], abs=1e-4)
        top = math.exp(30 * (cosines[target] - 0.2))
        rest = sum(math.exp(30 * c) for j, c in enumerate(cosines) if j != target)
        losses.append(-math.log(top / (top + rest)))
    assert AMSoftmaxLoss(30, 0.2)(logits, y).item() == pytest.approx(np.mean(losses), rel=1e-4)


def test_am_softmax_without_a_margin_is_cross_entropy():
    logits, y = torch.randn(5, 3), torch.tensor([0, 2, 1, 1, 0])
    weight = torch.tensor([1.0, 2.0, 0.5])
    smoothed = torch.nn.functional.cross_entropy(logits, y, label_smoothing=0.1, reduction="none")
    torch.testing.assert_close(AMSoftmaxLoss(30, 0, weight, 0.1)(logits, y), (weight[y] * smoothed).mean())
    assert AMSoftmaxLoss(30, 0.2)(logits, y) > AMSoftmaxLoss(30, 0)(logits, y)


@pytest.mark.slow
def test_probabilities_are_of_the_plain_cosines(files, fitted):
    model = fitted["hump_cat"]
    X = view(files)
    batch, _ = model._batches(X, np.zeros(16, np.int64)).__getitems__(list(range(16)))
    network = model.nets_[0].module_.eval()
    with torch.inference_mode():
        logits = network(**batch)
    assert logits.abs().max() <= 30.001
    np.testing.assert_allclose(model.predict_proba(X), logits.softmax(dim=1), atol=1e-5)


# --- what trains ---


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_reach_every_parameter(files, variant):
    assert silent_parameters(make(variant=variant), view(files, variant)) == []


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_sixteen_utterances_are_learnt_by_heart(files, fitted, variant):
    check_learnt(fitted[variant], view(files, variant))


def test_an_utterance_does_not_depend_on_its_batch(files, fitted):
    check_alone(fitted["hump_cat"], view(files))


def test_statistics_come_from_the_training_part(files):
    X = view(files)
    network = make(epochs=1).fit(X[:8], LABELS[:8], validation=(X[8:], LABELS[8:])).nets_[0].module_
    assert set(network.standardize) == {"prosody", "mfcc"}
    for role, layer in network.standardize.items():
        rows = np.concatenate([files[role].row(i) for i in range(8)]).astype(np.float64)
        np.testing.assert_allclose(layer.mean, rows.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(layer.std, rows.std(axis=0), rtol=1e-5)


def test_hidden_states_are_standardised_where_asked_for(files):
    X = view(files)
    standardize = make(epochs=1, standardised_states=True).fit(X, LABELS).nets_[0].module_.standardize
    rows = np.concatenate([*X.arrays("ssl", "layer_09")]).astype(np.float64)
    np.testing.assert_allclose(standardize["ssl_09"].mean, rows.mean(axis=0), rtol=1e-5)


def test_the_seed_decides(files):
    X = view(files)
    check_seed(lambda seed: make(seed, epochs=2, dropout=0.3).fit(X, LABELS).predict_proba(X))


@pytest.mark.parametrize("variant", VARIANTS)
def test_saving_and_loading_changes_no_probability(files, fitted, tmp_path, variant):
    check_saved(fitted[variant], view(files, variant), tmp_path)


def test_class_weights_and_smoothing_are_heard(files):
    X = view(files)
    labels = ["angry"] * 12 + ["sad"] * 4
    plain = make(epochs=2).fit(X, labels).predict_proba(X)
    for changes in ({"class_weights": "balanced"}, {"label_smoothing": 0.2}, {"margin": 0.0}):
        assert np.abs(make(epochs=2, **changes).fit(X, labels).predict_proba(X) - plain).max() > 1e-4


# --- the ablations ---


def test_the_variants_are_those_of_tables_3_4_and_7():
    assert VARIANTS == {
        "hump_cat": ("mfcc", "prosody", "ssl"),
        "hump_cat_acoustic": ("mfcc", "prosody"),
        "hump_cat_spectral": ("logmel", "mfcc"),
        "hump_cat_ssl": ("ssl",),
        "hump_cat_ssl_mfcc": ("mfcc", "ssl"),
        "hump_cat_ssl_prosody": ("prosody", "ssl"),
    }
    entry = find_system("hump_cat_acoustic")
    assert {"mfcc", "lpcc", "stft"} <= set(entry.extractors("mfcc"))
    assert {"lpcc", "stft"} <= set(entry.extractors("logmel"))


@pytest.mark.parametrize(
    ("variant", "others"),
    [
        ("hump_cat_ssl", ["heads", "feed_forward", "dropout"]),
        ("hump_cat_ssl_mfcc", []),
        ("hump_cat_ssl_prosody", []),
        ("hump_cat_acoustic", ["layers", "standardised_states"]),
        ("hump_cat_spectral", ["layers", "standardised_states"]),
    ],
)
def test_params_of_what_a_variant_lacks_are_refused(variant, others):
    params = find_system(variant).load().Params
    for other in others:
        with pytest.raises(ParamsError, match=rf"^params\.{other}: unknown key.*; known: .*width"):
            validate(params, {other: HuMPCATParams().model_dump()[other]}, "params")
    assert set(HuMPCATParams.model_fields) == set(params.model_fields) | set(others)


@pytest.mark.parametrize(
    ("dims", "tokens"),
    [
        ({"ssl": 768}, 85),
        ({"mfcc": 39, "ssl": 768}, 85 + 87),
        ({"prosody": 103, "ssl": 768}, 85 + 8),
        ({"mfcc": 39, "prosody": 103}, 87 + 8),
    ],
)
def test_tokens_of_the_variants(dims, tokens):
    network = HuMPCATNetwork(dims, 4, HuMPCATParams()).eval()
    with torch.inference_mode():
        assert network.fuse(paper_inputs(dims)).shape == (2, tokens, 32)
    assert hasattr(network, "acoustic_fusion") == ({"mfcc", "prosody"} <= set(dims))
    assert hasattr(network, "fusion") == (len(dims) == 2 and "ssl" in dims)


@pytest.mark.parametrize("ssl_dim", [64, 1024])
def test_other_backbones_are_taken(ssl_dim):
    network = HuMPCATNetwork({"ssl": ssl_dim}, 4, HuMPCATParams(layers=(0, 4, 12))).eval()
    inputs = {f"ssl_{k:02d}": torch.randn(2, 30, ssl_dim) for k in (0, 4, 12)}
    assert network(**inputs).shape == (2, 4)
    assert len(network.layer_fusion.scores) == 3


def test_one_layer_alone_is_read(files):
    X = view(files, "hump_cat_ssl")
    model = make(variant="hump_cat_ssl", layers=(9,), epochs=1).fit(X, LABELS)
    assert set(model.inputs(X)) == {"ssl_09"}
    np.testing.assert_array_equal(model.inputs(X)["ssl_09"].arrays[3], files["ssl"].row(3, "layer_09"))


# --- what cannot be ---


@pytest.mark.parametrize("role", ["mfcc", "ssl"])
def test_unequal_lengths_are_refused(files, tmp_path, role):
    if role == "ssl":
        ragged = write_states(tmp_path / "ragged.h5", KEYS, lengths=(20, 26))
    else:
        rows = {key: files[role].row(i)[: 17 + i % 3] for i, key in enumerate(KEYS)}
        ragged = write_features(tmp_path / "ragged.h5", rows, role)
    with pytest.raises(UserError, match=r"ragged\.h5: utterances differ in length \(\d+ to \d+ frames\).*pad_to: 7"):
        make().fit(view({**files, role: ragged}), LABELS)


def test_too_few_frames_are_refused(files, tmp_path):
    short = write_states(tmp_path / "short.h5", KEYS, lengths=(9, 10))
    with pytest.raises(UserError, match=r"short\.h5: 9 frames; HuMP-CAT needs 10 at least \(349 in the paper\)"):
        make().fit(view({**files, "ssl": short}), LABELS)


def test_too_narrow_states_are_refused(files, tmp_path):
    rows = {key: {f"layer_{k:02d}": np.ones((12, 17), np.float32) for k in (1, 9)} for key in KEYS}
    narrow = write_features(tmp_path / "narrow.h5", rows, "ssl")
    with pytest.raises(UserError, match=r"narrow\.h5: hidden states of 17 dimensions.*needs 18"):
        make().fit(view({**files, "ssl": narrow}), LABELS)


def test_undefined_prosody_is_refused(files, tmp_path):
    rows = {key: np.full((1, 7), np.nan if key == "u05" else 1, np.float32) for key in KEYS}
    undefined = write_features(tmp_path / "undefined.h5", rows, "prosody")
    with pytest.raises(UserError, match=r"undefined\.h5: .*NaN.*mode: clean"):
        make().fit(view({**files, "prosody": undefined}), LABELS)


def test_a_missing_layer_is_named(files):
    with pytest.raises(UserError, match=r"ssl\.h5: has no layer 7"):
        make(layers=(1, 7)).fit(view(files), LABELS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 5}, "heads 5 does not divide width 32"),
        ({"layers": [9, 9]}, r"layers must be from 0, each once: \[9, 9\]"),
        ({"width": 33}, "width"),
    ],
)
def test_params_that_do_not_go_together_are_refused(changes, message):
    with pytest.raises(ParamsError, match=message):
        validate(HuMPCATParams, changes)


def test_layers_may_be_a_list_as_in_yaml():
    assert validate(HuMPCATParams, {"layers": [3, 9]}).layers == (3, 9)
