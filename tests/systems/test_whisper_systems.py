"""Every system that reads or trains a self-supervised model, on a Whisper: the model's own values, and trainings."""

import numpy as np
import pytest
import torch
from every_system import files_of, tiny_params, write_every_role
from feature_files import write_features
from ssl_checkpoints import build_whisper, save_whisper
from system_checks import KEYS, LABELS, check_alone, check_saved

from pipeline.audio.samples import to_float
from pipeline.errors import ParamsError, UserError
from pipeline.features.ssl.extractor import SSL, SSLParams
from pipeline.features.ssl.loading import load_backbone, weights_digest
from pipeline.strict import validate
from pipeline.systems import systems
from pipeline.systems.functionals import vectors
from pipeline.systems.layers.ssl_top_blocks import TopBlocks, own_frames
from pipeline.systems.training.batches import Batches
from pipeline.systems.view import View
from pipeline.systems.wav2vec import Wav2vecBranch
from pipeline.systems.wav2vec_end_to_end import Wav2vecEndToEnd

pytestmark = pytest.mark.usefixtures("one_thread")

WINDOW = 5.0
"""s that the small model sees"""
LAYERS = (0, 1, 2, 4)
PLAIN = {"dropout": 0.0, "backbone_dropout": 0.0, "patience": 0, "schedule": "constant", "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_whisper(build_whisper(), tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="module")
def waves():
    rng = np.random.default_rng(8)
    return {key: rng.normal(0, 3000, (int(rng.integers(8000, 16000)), 1)).astype(np.int16) for key in KEYS}


def states_file(path, folder, waves, **params):
    """The states of the recordings, as the embedding's stage gives them, in full precision."""
    extractor = SSL(SSLParams(model=folder, layers=LAYERS, chunk_seconds=WINDOW, precision="float32", **params))
    rows = extractor.extract([to_float(pcm) for pcm in waves.values()])
    states = dict(zip(waves, rows, strict=True))
    return write_features(path, states, "ssl", model=folder, seed=0, layers=list(LAYERS), **params)


@pytest.fixture(scope="module")
def files(tmp_path_factory, folder, waves):
    place = tmp_path_factory.mktemp("features")
    whole = {key: np.pad(pcm, ((0, int(WINDOW * 16000) - len(pcm)), (0, 0))) for key, pcm in waves.items()}
    return {
        "waveform": write_features(place / "waveform.h5", waves, "waveform", sample_rate=16000),
        "ssl": states_file(place / "ssl.h5", folder, waves),
        "window": states_file(place / "window.h5", folder, whole),
        "own": states_file(place / "own.h5", folder, waves, frames="window"),
    }


def batch(file, layer, rows=(0, 1, 2)):
    """States of a layer, padded with what must not matter, and which frames are real."""
    states = [torch.from_numpy(np.array(file.row(i, f"layer_{layer:02d}"))) for i in rows]
    hidden = torch.nn.utils.rnn.pad_sequence(states, batch_first=True, padding_value=9.0)
    return hidden, torch.arange(hidden.shape[1]) < torch.tensor([len(each) for each in states])[:, None]


def encoded(folder, pcm):
    """All hidden states of `transformers`' own encoder, of one recording and the silence after it."""
    from transformers import WhisperFeatureExtractor

    model = load_backbone(folder)
    extractor = WhisperFeatureExtractor.from_pretrained(folder)
    mels = extractor([to_float(pcm)], sampling_rate=16000, return_tensors="pt").input_features
    with torch.inference_mode():
        return model.encoder(mels, output_hidden_states=True).hidden_states


# --- the blocks after a cached layer ---


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_with_the_silence_cached_the_last_state_is_that_of_transformers(folder, files, waves, layer):
    top = TopBlocks(load_backbone(folder), layer).eval()
    hidden, valid = batch(files["window"], layer)
    with torch.inference_mode():
        last = top(hidden, valid)
    for row, key in zip(last, KEYS, strict=False):
        torch.testing.assert_close(row, encoded(folder, waves[key])[-1][0], atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_on_the_utterances_frames_it_is_that_of_transformers_blocks_and_norm(folder, files, layer):
    backbone = load_backbone(folder)
    hidden, valid = batch(files["ssl"], layer)
    assert not valid.all()
    with torch.inference_mode():
        last = TopBlocks(backbone, layer).eval()(hidden, valid)
        assert not last[~valid].any()
        for row, given, real in zip(last, hidden, valid, strict=True):
            state = given[real][None]
            for block in backbone.encoder.layers[layer:]:
                state = block(state, attention_mask=None)
            torch.testing.assert_close(row[real], backbone.encoder.layer_norm(state)[0], atol=1e-4, rtol=1e-4)


def test_the_last_layer_has_passed_its_norm_already(folder, files):
    hidden, valid = batch(files["ssl"], 4)
    top = TopBlocks(load_backbone(folder), 4, none_allowed=True)
    torch.testing.assert_close(top(hidden, valid)[valid], hidden[valid])
    with pytest.raises(UserError, match="no blocks to train after layer 4: the model has 4"):
        TopBlocks(load_backbone(folder), 4)


def test_blocks_train_and_norm_and_backbone_stay(folder, files):
    backbone = load_backbone(folder)
    before = weights_digest(backbone, True)
    top = TopBlocks(backbone, 2).train()
    optimiser = torch.optim.SGD(top.parameters(), lr=0.1)
    norm = top.norm.weight.clone()
    hidden, valid = batch(files["ssl"], 2)
    top(hidden, valid).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in top.blocks.parameters())
    optimiser.step()
    assert torch.equal(top.norm.weight, norm)
    assert weights_digest(backbone, True) == before


def test_dropout_of_the_blocks_can_be_set(folder):
    top = TopBlocks(load_backbone(folder), 2, dropout=0.25)
    found = {
        (name, getattr(part, name))
        for part in top.modules()
        for name in ("dropout", "activation_dropout")
        if isinstance(getattr(part, name, None), float)
    }
    assert found == {("dropout", 0.25), ("activation_dropout", 0.25)}


# --- end to end ---


def whole(folder, **changes):
    return Wav2vecEndToEnd(**{**PLAIN, "epochs": 2, "batch_size": 8, "model": folder, **changes})


def pooled_states(model, files):
    """What the classifier takes of the first three recordings."""
    X = View(KEYS, {"waveform": [files["waveform"]]})
    network = model.network(X, 4).eval()
    given, _ = model._batches(X, np.zeros(16, np.int64)).__getitems__([0, 1, 2])
    with torch.inference_mode():
        hidden, attended, own = network.frontend(given["waveform"], given["waveform_valid"])
        return network.top(hidden, attended), own


@pytest.mark.parametrize("count", [0, 1, 3, 4])
def test_frontend_and_top_blocks_are_the_model(folder, files, waves, count):
    last, own = pooled_states(whole(folder, unfreeze_blocks=count), files)
    for row, real, key in zip(last, own, KEYS, strict=False):
        assert int(real.sum()) == -(-len(waves[key]) // 320)
        torch.testing.assert_close(row, encoded(folder, waves[key])[-1][0], atol=2e-4, rtol=1e-4)


def test_only_the_last_blocks_and_the_classifier_train(folder, files):
    X = View(KEYS, {"waveform": [files["waveform"]]})
    network = whole(folder, unfreeze_blocks=2).network(X, 4).train()
    trained = {name.split(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    assert trained == {"top", "classifier"}
    assert not any(module.training for module in network.frontend.backbone.modules())


def test_trained_end_to_end_it_is_saved_and_predicts_alone_as_in_a_batch(folder, files, tmp_path):
    X = View(KEYS, {"waveform": [files["waveform"]]})
    model = whole(folder, unfreeze_blocks=1).fit(X, LABELS)
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]
    check_alone(model, X)
    check_saved(model, X, tmp_path)


def test_cached_with_their_windows_states_are_pooled_over_the_utterance_as_in_transformers(folder, files, waves):
    X = View(KEYS, {"ssl": [files["own"]]})
    for layer in (0, 1, 2):
        system = Wav2vecBranch(layer=layer)
        network, (batch, _) = (
            system.network(X, 4).eval(),
            Batches(system.inputs(X), np.zeros(len(KEYS), int), 0).__getitems__([0]),
        )
        pooled = network.top(batch["ssl"], batch["ssl_valid"])[0]
        own = own_frames(batch["ssl_valid"], batch["own"])[0]
        torch.testing.assert_close(pooled, encoded(folder, waves[KEYS[0]])[-1][0], atol=2e-4, rtol=1e-4)
        assert int(own.sum()) == -(-len(waves[KEYS[0]]) // 320)
        assert own[: int(own.sum())].all()


def test_cached_with_its_windows_it_is_the_same_training(folder, files):
    one = whole(folder, unfreeze_blocks=2).fit(View(KEYS, {"waveform": [files["waveform"]]}), LABELS)
    options = {**PLAIN, "epochs": 2, "batch_size": 8, "layer": 2}
    X = View(KEYS, {"ssl": [files["own"]]})
    other = Wav2vecBranch(**options).fit(X, LABELS)
    losses = [[row["train_loss"] for row in model.history_] for model in (one, other)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    check_alone(other, X)


def test_all_else_sees_of_windows_the_utterances_own_frames(files):
    windows, own = (View(KEYS, {"ssl": [files[name]]}) for name in ("own", "ssl"))
    assert windows.streams("ssl") == own.streams("ssl")
    for one, other in zip(windows.arrays("ssl", "layer_02"), own.arrays("ssl", "layer_02"), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(vectors(windows), vectors(own))


@pytest.mark.parametrize("fusion", ["caf", "attention"])
def test_caf_pools_own_frames_of_windows(folder, files, roles, fusion):
    X = View(KEYS, {"logmel": [roles[1]["logmel"]], "ssl": [files["own"]]})
    system = systems()["caf"].load()(layer=2, top_blocks=2, fusion=fusion, stream_dim=8, fused_dim=8, heads=2)
    network = system.network(X, 4).eval()
    batch, _ = Batches(system.inputs(X), np.zeros(len(KEYS), int), 0).__getitems__([0])
    seen = []
    network.fusion.register_forward_pre_hook(lambda _, given: seen.extend(given))
    network(**batch)
    count = -(-len(files["waveform"].row(0)) // 320)
    if fusion == "attention":
        assert int(seen[2].sum()) == count
    else:
        last = network.top(batch["ssl"], batch["ssl_valid"])[0, :count]
        torch.testing.assert_close(seen[1][0], network.project_b(last.mean(dim=0)))


def test_windows_are_for_short_recordings_of_whisper_frame_by_frame(folder, waves):
    with pytest.raises(ParamsError, match="frames window does not go with pool mean"):
        validate(SSLParams, {"frames": "window", "pool": "mean"})
    with pytest.raises(UserError, match="frames: window is for Whisper; 'tiny' sees the utterance alone, so set own"):
        SSL(SSLParams(model="tiny", frames="window")).frames(16000)
    longer = SSL(SSLParams(model=folder, layers=(1,), chunk_seconds=WINDOW, frames="window"))
    with pytest.raises(
        UserError, match=r"an utterance of 6.0 s, and frames: window keeps one window of 5 s; set clip: 5"
    ):
        longer.extract([np.zeros(96000, np.float32)])


def test_rows_of_before_there_was_a_choice_are_still_the_same():
    assert "frames" not in SSLParams().model_dump(mode="json")
    assert SSLParams(frames="window").model_dump(mode="json")["frames"] == "window"
    assert "frames" not in SSLParams().model_dump_json()


def test_where_silence_counts_as_speech_cached_states_are_the_same_training(folder, files, tmp_path):
    """Waveforms that end in silence up to the window, and the states of all of it; else the two are not the same."""
    padded = {
        key: np.pad(files["waveform"].row(i), ((0, 80000 - len(files["waveform"].row(i))), (0, 0)))
        for i, key in enumerate(KEYS)
    }
    X = View(KEYS, {"waveform": [write_features(tmp_path / "w.h5", padded, "waveform", sample_rate=16000)]})
    one = whole(folder, unfreeze_blocks=2).fit(X, LABELS)
    options = {**PLAIN, "epochs": 2, "batch_size": 8, "layer": 2}
    other = Wav2vecBranch(**options).fit(View(KEYS, {"ssl": [files["window"]]}), LABELS)
    losses = [[row["train_loss"] for row in model.history_] for model in (one, other)]
    np.testing.assert_allclose(*losses, rtol=1e-4)


def test_an_utterance_above_the_window_is_refused(folder, tmp_path):
    longer = {key: np.ones((80001, 1), np.int16) for key in KEYS}
    X = View(KEYS, {"waveform": [write_features(tmp_path / "w.h5", longer, "waveform", sample_rate=16000)]})
    with pytest.raises(UserError, match=r"an utterance of 5.0 s, and the model takes 5 s at most; .* `clip: 5`"):
        whole(folder).fit(X, LABELS)


# --- every system that reads hidden states ---


@pytest.fixture(scope="module")
def roles(tmp_path_factory, folder, files, waves):
    """Role -> file for each system, the hidden states by the small Whisper; of one length for HuMP-CAT."""
    place = tmp_path_factory.mktemp("roles")
    ragged, even = write_every_role(place, KEYS)
    equal = {key: pcm[:8000] for key, pcm in waves.items()}
    return ragged | {"ssl": files["ssl"]}, even | {"ssl": states_file(place / "w.h5", folder, equal)}


READERS = [name for name, entry in systems().items() if "ssl" in (*entry.roles, *entry.optional)]
TRAINERS = [name for name in READERS if "top_blocks" in systems()[name].load().Params.model_fields]


@pytest.mark.parametrize(("name", "top_blocks"), [(name, 0) for name in READERS] + [(name, 2) for name in TRAINERS])
def test_it_trains_saves_and_predicts(roles, name, top_blocks, tmp_path):
    system = systems()[name].load()
    own = {"layer": 2, "layers": [1, 2], "top_blocks": top_blocks, "seeds": 1}
    params = tiny_params(name) | {key: value for key, value in own.items() if key in system.Params.model_fields}
    X = View(KEYS, {role: [file] for role, file in files_of(name, roles).items()})
    model = system(**params).fit(X, LABELS)
    assert np.isfinite(model.predict_proba(X)).all()
    check_alone(model, X)
    check_saved(model, X, tmp_path)


def test_those_that_the_papers_have_are_among_them():
    assert {"caf", "caf_ssl", "ca_ser", "hump_cat", "wav2vec"} <= {*READERS}
    assert {"caf", "caf_ssl"} == {*TRAINERS}
