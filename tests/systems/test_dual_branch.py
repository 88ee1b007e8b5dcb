"""The wav2vec 2.0 branch on waveforms, beside the one from cached states (Wei et al. 2025)."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from feature_files import write_features
from safetensors.numpy import load_file
from ssl_checkpoints import build, save
from system_checks import KEYS, LABELS, check_alone, check_learnt, check_saved, check_seed

from pipeline.audio.samples import to_float
from pipeline.cli import main
from pipeline.errors import UserError
from pipeline.features.ssl.extractor import SSL, SSLParams
from pipeline.features.ssl.loading import load_backbone
from pipeline.systems import find_system
from pipeline.systems.layers.ssl_top_blocks import TopBlocks
from pipeline.systems.view import View
from pipeline.systems.wav2vec import Wav2vecBranch
from pipeline.systems.wav2vec_end_to_end import EndToEndNetwork, EndToEndParams, Frontend, Wav2vecEndToEnd

pytestmark = pytest.mark.usefixtures("one_thread")

PLAIN = {"dropout": 0.0, "backbone_dropout": 0.0, "patience": 0, "schedule": "constant", "learning_rate": 1e-3}
FAST = {**PLAIN, "epochs": 25, "batch_size": 8}


def waves(lengths=(1500, 4000)):
    rng = np.random.default_rng(8)
    return {key: rng.normal(0, 3000, (int(rng.integers(*lengths)), 1)).astype(np.int16) for key in KEYS}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Waveforms of unequal lengths, and the states of `tiny` for them, in full precision."""
    folder = tmp_path_factory.mktemp("features")
    made, layers = waves(), (3, 9, 11)
    extractor = SSL(SSLParams(layers=layers, precision="float32"))
    states = dict(zip(made, extractor.extract([to_float(pcm) for pcm in made.values()]), strict=True))
    return {
        "waveform": write_features(folder / "waveform.h5", made, "waveform", sample_rate=16000),
        "ssl": write_features(folder / "ssl.h5", states, "ssl", model="tiny", seed=0, layers=list(layers)),
    }


def view(files, role="waveform"):
    return View(KEYS, {role: [files[role]]})


def whole(seed=0, **changes):
    return Wav2vecEndToEnd(**{**FAST, **changes}, seed=seed)


def cached(seed=0, **changes):
    return Wav2vecBranch(**{**FAST, **changes}, seed=seed)


@pytest.fixture(scope="module")
def fitted(files):
    return whole().fit(view(files), LABELS)


# --- what trains ---


def parts(network):
    """The parts with parameters that train, by the names of the model's own modules."""
    names = {name for name, p in network.named_parameters() if p.requires_grad}
    blocks = {int(name.split(".")[2]) for name in names if name.startswith("top.blocks")}
    rest = {name.split(".")[2] if name.startswith("frontend") else name.split(".")[0] for name in names}
    return blocks, rest - {"top"}


@pytest.mark.parametrize("projection", [True, False])
@pytest.mark.parametrize("count", [0, 1, 3, 5, 9, 12])
def test_the_last_blocks_and_the_projection_train_and_nothing_else(files, count, projection):
    network = whole(unfreeze_blocks=count, train_projection=projection).network(view(files), 8)
    assert parts(network) == (set(range(count)), {"classifier"} | ({"feature_projection"} if projection else set()))
    assert len(network.frontend.backbone.encoder.layers) == 12 - count
    backbone = load_backbone("tiny")
    ours = [*network.frontend.backbone.encoder.layers, *network.top.blocks]
    for block, theirs in zip(ours, backbone.encoder.layers, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(block.parameters(), theirs.parameters(), strict=True))


@pytest.mark.parametrize("count", [3, 12])
def test_gradients_reach_what_trains_and_nothing_else(files, count):
    model = whole(unfreeze_blocks=count)
    X = view(files)
    network = model.network(X, 4).train()
    batch, y = model._batches(X, np.arange(16) % 4).__getitems__(list(range(16)))
    torch.nn.functional.cross_entropy(network(**batch), y).backward()
    reached = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    trained = {name for name, p in network.named_parameters() if p.requires_grad and "k_proj.bias" not in name}
    assert reached - {name for name in reached if "k_proj.bias" in name} == trained


def test_training_leaves_what_is_frozen_as_it_was(files):
    network = whole(epochs=2).fit(view(files), LABELS).nets_[0].module_
    backbone = load_backbone("tiny")
    pretrained = dict(backbone.named_parameters())
    for name, value in network.frontend.backbone.named_parameters():
        assert torch.equal(value, pretrained[name]) == (not name.startswith("feature_projection")), name


def test_what_is_frozen_stays_in_evaluation_mode(files):
    network = whole(backbone_dropout=None).network(view(files), 4).train()
    backbone = network.frontend.backbone
    assert network.top.training
    assert network.classifier.training
    assert all(m.training for m in backbone.feature_projection.modules())
    assert not any(m.training for m in backbone.encoder.modules())
    assert not any(m.training for m in backbone.feature_extractor.modules())
    assert not any(m.training for m in network.eval().modules())
    frozen = whole(train_projection=False).network(view(files), 4).train().frontend
    assert not any(m.training for m in frozen.backbone.modules())


def test_parameters_of_a_base_model():
    """The paper's setting: three blocks of 7.09 M, the projection of 0.39 M, and 768 -> 256 -> 256 -> 8."""
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    with torch.device("meta"):
        backbone = Wav2Vec2Model(Wav2Vec2Config())
        top = TopBlocks(backbone, 9)
        network = EndToEndNetwork(Frontend(backbone, 9, True, True), top, 768, 8, EndToEndParams())
    linear = [(m.in_features, m.out_features) for m in network.classifier if isinstance(m, torch.nn.Linear)]
    assert linear == [(768, 256), (256, 256), (256, 8)]
    block = 4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768
    projection = 2 * 512 + 513 * 768
    classifier = 769 * 256 + 257 * 256 + 257 * 8
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert trained == 3 * block + projection + classifier
    assert trained == pytest.approx(21.9e6, rel=0.01)


def test_it_trains_as_the_paper_says():
    params = EndToEndParams()
    assert (params.unfreeze_blocks, params.train_projection, params.dropout) == (3, True, 0.3)
    assert (params.optimizer, params.learning_rate, params.schedule) == ("adamw", 1e-4, "cosine")
    assert (params.epochs, params.patience, params.monitor) == (120, 10, "valid_acc")
    assert (params.batch_size, params.clip_norm, params.width) == (32, 1.0, 256)


def test_the_registry_finds_it():
    assert find_system("wav2vec_end_to_end").roles == ("waveform",)
    assert find_system("wav2vec_end_to_end").load() is Wav2vecEndToEnd


# --- the cached variant is the same training ---


@pytest.mark.slow
@pytest.mark.parametrize("layer", [9, 3, 11])
def test_cached_and_end_to_end_training_have_one_loss_curve(files, layer):
    said = {"epochs": 4}
    one = cached(layer=layer, **said).fit(view(files, "ssl"), LABELS)
    options = {"unfreeze_blocks": 12 - layer, **said}
    other = whole(train_projection=False, **options).fit(view(files), LABELS)
    losses = [[row["train_loss"] for row in model.history_] for model in (one, other)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert losses[0][-1] < 0.99 * losses[0][0]
    found = [one.predict_proba(view(files, "ssl")), other.predict_proba(view(files))]
    np.testing.assert_allclose(*found, atol=1e-3)
    paper = whole(**options).fit(view(files), LABELS)  # whose projection trains
    assert abs(paper.history_[-1]["train_loss"] / losses[0][-1] - 1) > 2e-4


def test_a_model_trained_from_cached_states_is_one_of_waveforms(files, tmp_path):
    model = cached(epochs=2).fit(view(files, "ssl"), LABELS)
    model.save(tmp_path / "model")
    loaded = whole(train_projection=False).load(tmp_path / "model", view(files), model.classes_.tolist())
    found = loaded.predict_proba(view(files))
    np.testing.assert_allclose(found, model.predict_proba(view(files, "ssl")), atol=1e-5)
    with pytest.raises(UserError, match="of another system or of other params"):
        whole(train_projection=True).load(tmp_path / "model", view(files), model.classes_.tolist())


def test_without_trained_blocks_it_is_a_classifier_of_the_last_layer(files):
    model = whole(unfreeze_blocks=0, train_projection=False, epochs=1)
    network = model.network(view(files), 4).eval()
    batch, _ = model._batches(view(files), np.zeros(16, np.int64)).__getitems__([0, 1, 2])
    with torch.inference_mode():
        hidden, valid, own = network.frontend(batch["waveform"], batch["waveform_valid"])
        assert torch.equal(valid, own)
        assert torch.equal(network.top(hidden, valid), hidden)
    model.fit(view(files), LABELS)
    assert model.parameter_count() == 65 * 256 + 257 * 256 + 257 * 4


@pytest.mark.parametrize("name", ["wav2vec2-layer", "wavlm-group", "hubert-batch-norm"])
def test_other_families_are_whole_too(files, tmp_path, name):
    """Frontend and top blocks together give the model's own last hidden state, of each utterance alone."""
    model = save(build(name), tmp_path / name, do_normalize=False)
    network = whole(model=model, unfreeze_blocks=2).network(view(files), 4).eval()
    batch, _ = whole()._batches(view(files), np.zeros(16, np.int64)).__getitems__([0, 1, 2])
    reference = load_backbone(model)
    with torch.inference_mode():
        found = network.top(*network.frontend(batch["waveform"], batch["waveform_valid"])[:2])
        for row, i in zip(found, [0, 1, 2], strict=True):
            wave = torch.from_numpy(to_float(files["waveform"].row(i)))[None]
            wanted = reference(wave).last_hidden_state[0]
            torch.testing.assert_close(row[: len(wanted)], wanted, atol=1e-4, rtol=1e-4)
            assert not row[len(wanted) :].any()


# --- what every classifier promises ---


@pytest.mark.slow
def test_sixteen_utterances_are_learnt_by_heart(files, fitted):
    check_learnt(fitted, view(files))


@pytest.mark.slow
def test_padding_changes_no_probability(files, fitted):
    check_alone(fitted, view(files))


def test_zeros_at_the_end_do(files, fitted, tmp_path):
    """The paper's fixed 3 s: padding that is part of the waveform counts as speech."""
    longer = {key: np.pad(files["waveform"].row(i), ((0, 4000), (0, 0))) for i, key in enumerate(KEYS)}
    padded = view({"waveform": write_features(tmp_path / "padded.h5", longer, "waveform", sample_rate=16000)})
    assert np.abs(fitted.predict_proba(padded) - fitted.predict_proba(view(files))).max() > 1e-3


def test_the_seed_decides(files):
    options = {"epochs": 1, "dropout": 0.3, "backbone_dropout": 0.1}
    check_seed(lambda seed: whole(seed, **options).fit(view(files), LABELS).predict_proba(view(files)))


def test_saving_and_loading_changes_no_probability(files, fitted, tmp_path):
    check_saved(fitted, view(files), tmp_path)


def test_frozen_weights_are_not_saved(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    saved = load_file(tmp_path / "model")
    assert sum(values.size for values in saved.values()) == fitted.parameter_count()
    assert not [name for name in saved if "frontend" in name and "feature_projection" not in name]


def test_silence_and_an_utterance_below_a_frame_are_taken(tmp_path):
    made = {**waves(), "u00": np.zeros((2000, 1), np.int16), "u01": np.ones((7, 1), np.int16)}
    X = view({"waveform": write_features(tmp_path / "w.h5", made, "waveform", sample_rate=16000)})
    assert np.isfinite(whole(epochs=1).fit(X, LABELS).predict_proba(X)).all()


# --- what cannot be ---


def test_more_blocks_than_there_are_is_refused(files):
    with pytest.raises(UserError, match="unfreeze_blocks: 13, but 'tiny' has 12 blocks"):
        whole(unfreeze_blocks=13).fit(view(files), LABELS)


@pytest.mark.parametrize(("dtype", "rate"), [(np.float32, 16000), (np.int16, 48000)])
def test_other_samples_are_refused(tmp_path, dtype, rate):
    made = {key: pcm.astype(dtype) for key, pcm in waves().items()}
    X = view({"waveform": write_features(tmp_path / "other.h5", made, "waveform", sample_rate=rate)})
    with pytest.raises(
        UserError, match=rf"other\.h5: {np.dtype(dtype)} samples at {rate} Hz; .* int16 samples at 16000"
    ):
        whole().fit(X, LABELS)


def test_an_utterance_without_samples_is_refused(tmp_path):
    made = {**waves(), "u03": np.zeros((0, 1), np.int16)}
    X = view({"waveform": write_features(tmp_path / "w.h5", made, "waveform", sample_rate=16000)})
    with pytest.raises(UserError, match="has no samples"):
        whole().fit(X, LABELS)


# --- the benchmark ---


@pytest.mark.slow
def test_bench_train_runs(tmp_path):
    parts = ["--only", "steps", "--only", "curves"]
    result = CliRunner().invoke(main, ["bench", "train", "--quick", *parts, "--json", str(tmp_path / "figures.json")])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "figures.json").read_text())
    figures = {figure["name"]: figure for figure in found["figures"]}
    step = {name: figures[name]["value"] for name in figures if figures[name]["unit"] == "s"}
    assert len(step) == 3
    assert figures["projection frozen, of cached"]["at_least"] == 2.5
    assert figures["paper's, of cached"]["at_least"] == 3.5
    assert figures["largest difference of the loss"]["met"]
    assert found["quick"]
    assert "too small to compare" in result.output
