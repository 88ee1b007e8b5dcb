import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from ssl_checkpoints import CHECKPOINTS, build, save

from pipeline.errors import UserError
from pipeline.features.ssl.extractor import SSL, SSLParams

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from pipeline.features.ssl.loading import load_backbone, wants_normalised, weights_digest  # noqa: E402
from pipeline.features.ssl.wav2vec import frames, hidden_states, normalise, receptive_field  # noqa: E402

ALL = range(5)
LENGTHS = (16000, 9000, 400, 5301, 399, 12345, 1)


def noise(*lengths, seed=0):
    """Utterances of differing loudness and offset."""
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal(n) * rng.uniform(0.2, 2) + rng.uniform(-0.5, 0.5)).astype(np.float32) for n in lengths]


def reference(model, wave, **options):
    """What `transformers` gives for one utterance, unpadded unless it is shorter than the receptive field."""
    wave = np.pad(wave, (0, max(0, 400 - len(wave))))
    with torch.inference_mode():
        return model(torch.from_numpy(wave)[None], output_hidden_states=True, **options)


def encode(model, waves, layers=ALL):
    with torch.inference_mode():
        return hidden_states(model, waves, layers)


def furthest(ours, theirs):
    """The largest difference between two lists of {layer: states}; shapes must agree."""
    assert len(ours) == len(theirs)
    gaps = []
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        for layer in one:
            assert one[layer].shape == other[layer].shape
            gaps.append((one[layer] - other[layer]).abs().max().item())
    return max(gaps)


@pytest.fixture(scope="module", params=CHECKPOINTS)
def model(request):
    return build(request.param)


@pytest.fixture(scope="module")
def wav2vec2():
    return build("wav2vec2-group")


# --- the states ---


def test_states_of_one_utterance_are_those_of_transformers(model):
    for wave in noise(*LENGTHS):
        theirs = dict(enumerate(state[0] for state in reference(model, wave).hidden_states))
        assert furthest(encode(model, [wave]), [theirs]) < 1e-5


def test_padding_leaves_the_states_alone(model):
    waves = noise(*LENGTHS)
    assert furthest(encode(model, waves), [encode(model, [wave])[0] for wave in waves]) < 1e-4


def test_order_and_company_leave_the_states_alone(model):
    waves = noise(*LENGTHS)
    together = encode(model, waves)
    assert furthest(encode(model, waves[::-1])[::-1], together) < 1e-4
    assert furthest(encode(model, waves[1:4]), together[1:4]) < 1e-4


@pytest.mark.parametrize("name", ["wav2vec2-group", "data2vec-audio", "hubert-batch-norm"])
def test_the_padding_test_would_notice(name):
    # The plain padded batch of `transformers` is off by orders of magnitude: random weights do show the leak.
    model, (long, short) = build(name), noise(16000, 6000)
    batch = torch.from_numpy(np.stack([long, np.pad(short, (0, 10000))]))
    mask = torch.arange(16000) < torch.tensor([[16000], [6000]])
    with torch.inference_mode():
        padded = model(batch, attention_mask=mask.long(), output_hidden_states=True).hidden_states
    alone = reference(model, short).hidden_states
    count = alone[1].shape[1]
    assert (padded[1][1, :count] - alone[1][0]).abs().max() > 0.1


def test_blocks_above_the_last_layer_do_not_run(model):
    ran, handles = [], []
    for index, block in enumerate(model.encoder.layers, start=1):
        handles.append(block.register_forward_hook(lambda *_, index=index: ran.append(index)))
    try:
        (state,) = encode(model, noise(4000), layers=(0, 2))
    finally:
        for handle in handles:
            handle.remove()
    assert ran == [1, 2]
    assert list(state) == [0, 2]


def test_layer_0_alone_runs_no_block(wav2vec2):
    (state,) = encode(wav2vec2, noise(4000), layers=(0,))
    assert state[0].shape == (12, 32)


def test_empty_batch_and_empty_utterance(wav2vec2):
    assert encode(wav2vec2, []) == []
    with pytest.raises(UserError, match="no samples"):
        encode(wav2vec2, noise(4000, 0))


@pytest.mark.slow
def test_at_the_real_base_size():
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Wav2Vec2Model(Wav2Vec2Config()).eval()
    waves = [normalise(wave) for wave in noise(16000, 9000)]
    theirs = [{k: reference(model, wave).hidden_states[k][0] for k in (1, 9)} for wave in waves]
    ours = encode(model, waves, (1, 9))
    assert ours[0][9].shape == (49, 768)
    assert furthest(ours, theirs) < 1e-4


@given(samples=st.integers(0, 200_000))
def test_frame_count_is_that_of_the_convolutions(samples):
    class Config:
        conv_kernel, conv_stride = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)

    assert receptive_field(Config) == 400
    assert frames(samples, Config) == max(1, (samples - 400) // 320 + 1)


def test_normalise_is_that_of_transformers():
    from transformers import Wav2Vec2FeatureExtractor

    (wave,) = noise(5000)
    theirs = Wav2Vec2FeatureExtractor(do_normalize=True)(wave, sampling_rate=16000).input_values[0]
    np.testing.assert_allclose(normalise(wave), theirs, atol=1e-5)


# --- the extractor ---


@pytest.fixture(scope="module")
def tiny():
    return SSL(SSLParams())


def test_extract_gives_named_streams_in_half_precision(tiny):
    waves = noise(16000, 8000)
    rows = tiny.extract(waves)
    assert [list(row) for row in rows] == [["layer_01", "layer_09"]] * 2
    assert [row["layer_09"].shape for row in rows] == [(tiny.frames(n), 64) for n in (16000, 8000)]
    assert tiny.frames(16000) == 49
    assert rows[0]["layer_01"].dtype == tiny.dtypes["layer_01"] == np.float16
    assert tiny.dims == {"layer_01": 64, "layer_09": 64}
    assert tiny.frame_rate == 50
    assert tiny.sort_by_length


def test_extract_is_deterministic_and_keeps_to_single_precision_when_asked(tiny):
    full = SSL(SSLParams(precision="float32"))
    waves = noise(16000, 8000)
    once, again = full.extract(waves), full.extract(waves)
    assert once[1]["layer_09"].dtype == np.float32
    assert once[1]["layer_09"].tobytes() == again[1]["layer_09"].tobytes()
    half = tiny.extract(waves)[1]["layer_09"]
    np.testing.assert_array_equal(half, once[1]["layer_09"].astype(np.float16))


def test_loudness_does_not_matter_when_the_model_wants_normalised_audio(tiny):
    (wave,) = noise(8000)
    (one,), (other,) = tiny.extract([wave]), tiny.extract([wave * 0.5 + 0.1])
    np.testing.assert_allclose(one["layer_09"], other["layer_09"], atol=0.01)


def test_half_precision_overflow_is_an_error(tmp_path, wav2vec2):
    big = build("wav2vec2-layer")
    with torch.no_grad():
        big.encoder.layers[0].feed_forward.output_dense.bias.fill_(1e5)
    folder = save(big, tmp_path)
    with pytest.raises(UserError, match="set precision to float32"):
        SSL(SSLParams(model=folder, layers=(1,))).extract(noise(4000))
    assert SSL(SSLParams(model=folder, layers=(1,), precision="float32")).extract(noise(4000))


def test_layer_out_of_range_says_the_depth():
    with pytest.raises(UserError, match=r"'tiny' has no layer 13: it has 12 blocks"):
        SSL(SSLParams(layers=(1, 13))).extract(noise(4000))


@pytest.mark.parametrize("layers", [(), (9, 1), (1, 1), (-1,)])
def test_bad_layers_are_refused(layers):
    with pytest.raises(ValidationError):
        SSLParams(layers=layers)


def test_only_16_khz():
    with pytest.raises(ValidationError):
        SSLParams(sample_rate=48000)


def test_an_extractor_can_be_sent_to_another_process(tiny):
    tiny.extract(noise(4000))
    copy = pickle.loads(pickle.dumps(tiny))
    assert copy.weights_digest == tiny.weights_digest
    np.testing.assert_array_equal(copy.extract(noise(4000))[0]["layer_09"], tiny.extract(noise(4000))[0]["layer_09"])


def test_import_is_light():
    code = "import sys, pipeline.features.ssl.extractor; sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- loading, and the identity of weights ---


@pytest.mark.slow
def test_tiny_is_the_same_in_another_process_and_leaves_the_generator_alone(tiny):
    code = "from pipeline.features.ssl.extractor import *; print(SSL(SSLParams()).weights_digest)"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    there = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    assert there.stdout.strip() == tiny.weights_digest
    before = torch.get_rng_state()
    load_backbone("tiny", seed=3)
    assert torch.equal(before, torch.get_rng_state())


def test_digest_follows_what_the_states_depend_on(tiny, tmp_path):
    def digest(name, change=lambda model: None, normalised=True, layers=(1, 2)):
        model = build("wav2vec2-group")
        with torch.no_grad():
            change(model)
        folder = save(model, tmp_path / name, normalised)
        return SSL(SSLParams(model=folder, layers=layers)).weights_digest

    plain = digest("plain")
    assert digest("another-path") == plain
    assert digest("block-2", lambda model: model.encoder.layers[1].layer_norm.bias[0].add_(1e-3)) != plain
    assert digest("block-3", lambda model: model.encoder.layers[2].layer_norm.bias[0].add_(1e-3)) == plain
    assert digest("mask", lambda model: model.masked_spec_embed.add_(1)) == plain
    assert digest("not-normalised", normalised=False) != plain
    assert SSL(SSLParams(seed=1)).weights_digest != tiny.weights_digest

    copy = SSL(SSLParams())
    copy.extract(noise(4000, 5000))
    assert copy.weights_digest == tiny.weights_digest


def test_digest_follows_config_that_changes_no_tensor():
    one, other = build("wav2vec2-group"), build("wav2vec2-group", num_attention_heads=2)
    assert weights_digest(one, True) != weights_digest(other, True)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_checkpoints_round_trip_through_disk(name, tmp_path):
    model = build(name)
    loaded = load_backbone(save(model, tmp_path))
    assert weights_digest(loaded, True) == weights_digest(model, True)
    assert not loaded.training


def test_half_precision_checkpoint_is_run_in_single_precision(tmp_path):
    loaded = load_backbone(save(build("wav2vec2-group").half(), tmp_path))
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}


def test_pickled_pretraining_checkpoint_with_old_names(tmp_path, wav2vec2):
    # As published on the hub: a pretraining model's prefix and heads, and weight norm by its former names.
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    state = {"quantizer.codevectors": torch.zeros(1, 4, 8)}
    for key, value in wav2vec2.state_dict().items():
        for new, old in names.items():
            key = key.replace(new, old)
        state[f"wav2vec2.{key}"] = value
    wav2vec2.config.save_pretrained(tmp_path)
    torch.save(state, tmp_path / "pytorch_model.bin")
    assert weights_digest(load_backbone(str(tmp_path)), True) == weights_digest(wav2vec2, True)


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_pickled_code_is_not_run(tmp_path, wav2vec2):
    wav2vec2.config.save_pretrained(tmp_path)
    torch.save(wav2vec2.state_dict() | {"extra": Touch(str(tmp_path / "ran"))}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"cannot read the weights .*: Weights only load failed$"):
        load_backbone(str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_missing_tensors_are_an_error_not_random(tmp_path, wav2vec2):
    state = wav2vec2.state_dict()
    del state["encoder.layers.0.attention.k_proj.weight"]
    wav2vec2.save_pretrained(tmp_path, state_dict=state)
    with pytest.raises(UserError, match=r"lacks 1 tensors .*encoder\.layers\.0\.attention\.k_proj\.weight"):
        load_backbone(str(tmp_path))


@pytest.mark.parametrize("normalised", [True, False])
def test_normalisation_is_read_from_the_preprocessor_config(tmp_path, wav2vec2, normalised):
    assert wants_normalised(save(wav2vec2, tmp_path / "said", normalised)) is normalised
    assert wants_normalised(save(wav2vec2, tmp_path / "unsaid")) is True
    nested = tmp_path / "nested"
    save(wav2vec2, nested)
    (nested / "processor_config.json").write_text(
        f'{{"feature_extractor": {{"do_normalize": {str(normalised).lower()}}}}}'
    )
    assert wants_normalised(str(nested)) is normalised


def test_unsupported_family_lists_the_supported(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(
        UserError, match=r"'bert' model; supported: data2vec-audio, hubert, unispeech-sat, wav2vec2, wavlm"
    ):
        load_backbone(str(tmp_path))


@pytest.mark.parametrize("files", [{}, {"config.json": "{"}, {"config.json": '{"model_type": "hubert"}'}])
def test_broken_folders_are_one_clear_line(tmp_path, files):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match="cannot read") as caught:
        load_backbone(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.fixture
def offline_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_missing_hub_model_says_how_to_get_it(offline_cache):
    with pytest.raises(UserError, match="hf download facebook/hubert-base-ls960") as caught:
        SSL(SSLParams(model="facebook/hubert-base-ls960")).extract(noise(4000))
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no model folder"):
        load_backbone("./nothing/here")


def test_cached_hub_model_needs_no_network(offline_cache, wav2vec2):
    repository = offline_cache / "models--someone--something"
    snapshot = repository / "snapshots" / ("0" * 40)
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    save(wav2vec2, snapshot)
    assert weights_digest(load_backbone("someone/something"), True) == weights_digest(wav2vec2, True)
    with pytest.raises(UserError, match=r"preprocessor_config\.json .*hf download someone/something"):
        wants_normalised("someone/something")
    save(wav2vec2, snapshot, do_normalize=False)
    assert wants_normalised("someone/something") is False
