import json
from pathlib import Path

import numpy as np
import pytest
from ssl_checkpoints import build_whisper, save_whisper

from pipeline.errors import UserError
from pipeline.features.ssl.extractor import SSL, SSLParams

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from pipeline.features.ssl.loading import load_backbone  # noqa: E402
from pipeline.features.ssl.wav2vec import hidden_states  # noqa: E402
from pipeline.features.ssl.whisper import LogMel  # noqa: E402

pytestmark = pytest.mark.slow

ALL = (0, 1, 2, 3, 4)
LENGTHS = (16000, 80000, 9000, 321, 320, 1)


def noise(*lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal(n) * rng.uniform(0.02, 0.3)).astype(np.float32) for n in lengths]


def reference(model, wave):
    """What `transformers` gives: hidden states 0 ... depth, each (frames of the whole window, hidden size)."""
    config = model.config
    frontend = transformers.WhisperFeatureExtractor(config.num_mel_bins, chunk_length=config.max_source_positions // 50)
    mels = frontend([wave], sampling_rate=16000, return_tensors="pt").input_features
    with torch.inference_mode():
        return [state[0].numpy() for state in model.encoder(mels, output_hidden_states=True).hidden_states]


def make(folder, **params):
    return SSL(SSLParams(**{"model": folder, "layers": ALL, "precision": "float32", "chunk_seconds": 5} | params))


@pytest.fixture(scope="module")
def whisper():
    return build_whisper()


@pytest.fixture(scope="module")
def folder(whisper, tmp_path_factory):
    return save_whisper(whisper, tmp_path_factory.mktemp("whisper"))


def test_states_are_those_of_transformers_for_the_real_frames(whisper, folder):
    waves = noise(*LENGTHS)
    rows = make(folder).extract(waves)
    for wave, row in zip(waves, rows, strict=True):
        theirs = reference(whisper, wave)
        count = max(1, -(-len(wave) // 320))
        assert len(theirs) == len(row) == 5
        for layer, state in enumerate(theirs):
            assert row[f"layer_{layer:02d}"].shape == (count, 32)
            np.testing.assert_allclose(row[f"layer_{layer:02d}"], state[:count], atol=1e-4)


def test_last_layer_has_passed_the_final_norm_only_where_it_is_the_models_last(whisper, folder):
    (wave,) = noise(16000)
    (row,) = make(folder, layers=(3,)).extract([wave])
    np.testing.assert_allclose(row["layer_03"], reference(whisper, wave)[3][:50], atol=1e-4)
    (row,) = make(folder, layers=(4,)).extract([wave])
    with torch.inference_mode():
        normed = whisper.encoder.layer_norm(torch.from_numpy(reference(whisper, wave)[3])).numpy()[:50]
    assert np.abs(row["layer_04"] - normed).max() > 0.1
    np.testing.assert_allclose(row["layer_04"], reference(whisper, wave)[4][:50], atol=1e-4)


def test_at_thirty_seconds_with_the_settings_of_pretrained_models(tmp_path):
    model = build_whisper(num_mel_bins=80, max_source_positions=1500, encoder_layers=1)
    model.save_pretrained(tmp_path)  # without a preprocessor's settings: those of its kind
    (wave,) = noise(20000)
    extractor = SSL(SSLParams(model=str(tmp_path), layers=(1,), precision="float32"))
    np.testing.assert_allclose(extractor.extract([wave])[0]["layer_01"], reference(model, wave)[1][:63], atol=1e-4)
    assert extractor.encoder.longest == 480_000


@pytest.mark.parametrize("pool", ["none", "mean_std"])
def test_company_and_order_leave_the_states_alone(folder, pool):
    extractor, waves = make(folder, pool=pool), noise(*LENGTHS)
    together = extractor.extract(waves)
    for rows in ([extractor.extract([wave])[0] for wave in waves], extractor.extract(waves[::-1])[::-1]):
        for row, other in zip(rows, together, strict=True):
            for stream in row:
                np.testing.assert_allclose(row[stream], other[stream], atol=1e-4)


def test_frame_times(folder):
    extractor = make(folder)
    assert (extractor.frame_rate, extractor.first_frame) == (50, 0)
    assert [extractor.frames(n) for n in (1, 320, 321, 16000)] == [1, 1, 2, 50]
    # A click at 2 s is loudest in the states where the frame of 2 s is.
    click = np.zeros(64000, np.float32)
    click[32000] = 1
    moved = np.zeros(64000, np.float32)
    row, other = (extractor.extract([wave])[0]["layer_00"] for wave in (click, moved))
    changed = np.flatnonzero(np.abs(row - other).max(axis=1) > 1e-3)
    assert (changed[0] + changed[-1]) / 2 == pytest.approx(100, abs=1)


def test_frames_lie_one_after_another_for_the_blocks(folder):
    extractor, seen = make(folder), []
    blocks = extractor.encoder.backbone.encoder.layers
    blocks[0].register_forward_pre_hook(lambda _, given: seen.append(given[0].is_contiguous()))
    extractor.extract(noise(16000, 9000))
    assert seen == [True]


def test_log_mel_is_that_of_transformers():
    waves = np.stack(noise(48000, 48000))
    theirs = transformers.WhisperFeatureExtractor(80, chunk_length=3)(list(waves), sampling_rate=16000)
    ours = LogMel(80, chunk_length=3)(torch.from_numpy(waves)).numpy()
    np.testing.assert_allclose(ours, np.array(theirs.input_features), atol=1e-4)


def test_blocks_above_the_last_layer_and_the_decoder_are_left_out(folder):
    extractor = make(folder, layers=(0, 2))
    assert len(extractor.encoder.backbone.encoder.layers) == 2
    assert not hasattr(extractor.encoder.backbone, "decoder")
    with pytest.raises(UserError, match="has no layer 5: it has 4 blocks"):
        make(folder, layers=(5,)).extract(noise(400))


def test_long_recordings_are_cut_at_the_length_the_model_takes(folder):
    extractor = make(folder, layers=(1,), chunk_seconds=5)
    (row,) = extractor.extract(noise(16000 * 13))
    assert row["layer_01"].shape == (650, 32)
    (head,) = extractor.extract([noise(16000 * 13)[0][: 16000 * 5]])
    np.testing.assert_allclose(row["layer_01"][:150], head["layer_01"][:150], atol=1e-4)
    with pytest.raises(UserError, match=r"chunk_seconds 30: .* takes 5 s at most"):
        make(folder, chunk_seconds=30).extract(noise(400))


def test_digest_follows_the_encoder_and_its_log_mel(whisper, folder, tmp_path):
    def digest(name, change=lambda model: None, layers=(1, 2), **settings):
        model = build_whisper()
        with torch.no_grad():
            change(model)
        place = save_whisper(model, tmp_path / name)
        path = Path(place) / "preprocessor_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | settings))
        return make(place, layers=layers).weights_digest

    plain = make(folder, layers=(1, 2)).weights_digest
    assert digest("again") == plain
    assert digest("decoder", lambda model: model.decoder.layers[0].fc1.bias.add_(1)) == plain
    assert digest("block-3", lambda model: model.encoder.layers[2].fc1.bias.add_(1)) == plain
    assert digest("block-2", lambda model: model.encoder.layers[1].fc1.bias.add_(1)) != plain
    assert digest("window", n_fft=512) != plain


def test_half_precision_checkpoint_of_a_whole_model(whisper, tmp_path):
    # As published: a model for transcription, in half precision, in a pickle.
    state = {f"model.{key}": value.half() for key, value in whisper.state_dict().items()}
    whisper.config.save_pretrained(tmp_path)
    torch.save(state, tmp_path / "pytorch_model.bin")
    backbone = load_backbone(str(tmp_path))
    assert {parameter.dtype for parameter in backbone.parameters()} == {torch.float32}
    weight = whisper.encoder.conv1.weight
    torch.testing.assert_close(backbone.encoder.conv1.weight, weight.half().float())


def test_missing_encoder_tensor_is_an_error(whisper, tmp_path):
    state = whisper.state_dict()
    del state["encoder.layers.0.fc1.weight"]
    whisper.save_pretrained(tmp_path, state_dict=state)
    with pytest.raises(UserError, match=r"lacks 1 tensors .*encoder\.layers\.0\.fc1\.weight"):
        load_backbone(str(tmp_path))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sampling_rate": 8000}, "wants audio at 8000 Hz"),
        ({"feature_size": 80}, "gives log-Mels of 80 bands x 500 frames, but its encoder takes 40 x 500"),
        ({"hop_length": 0}, "hop_length 0 is not a positive whole number"),
        ({"n_fft": 2**40}, "n_fft 1099511627776 is longer than a second"),
    ],
)
def test_settings_that_do_not_fit_are_one_clear_line(whisper, tmp_path, settings, said):
    folder = save_whisper(whisper, tmp_path)
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    with pytest.raises(UserError, match=said) as caught:
        make(folder).extract(noise(400))
    assert "\n" not in str(caught.value)


def test_whisper_takes_no_waveforms_elsewhere(whisper):
    with pytest.raises(UserError, match="'whisper' model does not take waveforms"):
        hidden_states(whisper, noise(400), (0,))


def test_empty_utterance(folder):
    assert make(folder).extract([]) == []
    with pytest.raises(UserError, match="no samples"):
        make(folder).extract(noise(400, 0))
