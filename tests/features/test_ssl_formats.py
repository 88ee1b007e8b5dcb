"""Speech encoders in half precision: near float32 where the machine can, refused in one line where it cannot."""

import numpy as np
import pytest
from half_precision import or_refused
from ssl_checkpoints import CHECKPOINTS, build, build_whisper, save, save_whisper
from test_ssl_run import FULL, make, noise

from pipeline.errors import UserError
from pipeline.features.ssl.extractor import SSL, SSLParams

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from pipeline.features.ssl.batches import check_compute  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=CHECKPOINTS)
def folder(request, tmp_path_factory):
    return save(build(request.param), tmp_path_factory.mktemp(request.param), do_normalize=True)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return save(build("data2vec-audio"), tmp_path_factory.mktemp("plain"), do_normalize=False)


def test_bfloat16_is_near_and_says_so(folder):
    waves = noise(9000, 40000)  # one tile of the convolutions, and several
    half = make(folder, compute="bfloat16", layers=(1,))
    for one, other in zip(
        or_refused(lambda: half.extract(waves)) or [], make(folder, layers=(1,)).extract(waves), strict=False
    ):
        near, exact = one["layer_01"], other["layer_01"]
        assert near.dtype == np.float32
        assert not np.array_equal(near, exact)
        assert np.linalg.norm(near - exact) < 0.05 * np.linalg.norm(exact)
    assert half.params.model_dump()["compute"] == "bfloat16"


def test_bfloat16_of_whisper(tmp_path):
    folder = save_whisper(build_whisper(), tmp_path)
    half, full = (make(folder, compute=compute, chunk_seconds=5) for compute in ("bfloat16", "float32"))
    (exact,) = full.extract(noise(9000))
    for near in or_refused(lambda: half.extract(noise(9000))) or []:
        assert not np.array_equal(near["layer_02"], exact["layer_02"])
        assert np.linalg.norm(near["layer_02"] - exact["layer_02"]) < 0.05 * np.linalg.norm(exact["layer_02"])


def test_position_embeddings_are_never_in_half_precision(folder, monkeypatch):
    extractor, seen = make(folder, compute="bfloat16"), []
    original = torch.nn.functional.conv2d

    def convolved(x, weight, *rest):
        seen.append((x.dtype, weight.dtype, torch.is_autocast_enabled("cpu")))
        return original(x, weight, *rest)

    def called(conv, args):
        seen.append((args[0].dtype, conv.weight.dtype, torch.is_autocast_enabled("cpu")))

    if (encoder := or_refused(lambda: extractor.encoder)) is None:
        return
    embedding = encoder.backbone.encoder.pos_conv_embed
    for conv in (m for m in embedding.modules() if isinstance(m, torch.nn.Conv1d)):
        conv.register_forward_pre_hook(called)
    monkeypatch.setattr("pipeline.features.ssl.wav2vec.nn.functional.conv2d", convolved)
    extractor.extract(noise(9000))
    assert set(seen) == {(torch.float32, torch.float32, False)}


def test_weights_are_rounded_once_to_what_each_pass_would_round_them_to(folder, monkeypatch):
    waves, kept = noise(9000, 16000), make(folder, compute="bfloat16")
    digest = or_refused(lambda: kept.weights_digest)  # asked for first, as extraction does
    rows = kept.extract(waves) if digest else []
    monkeypatch.setattr("pipeline.features.ssl.batches.lower_weights", lambda *_: None)
    each = make(folder, compute="bfloat16")
    for row, other in zip(rows, each.extract(waves) if rows else [], strict=True):
        for stream in row:
            np.testing.assert_array_equal(row[stream], other[stream])
    if rows:
        linear = kept.encoder.backbone.encoder.layers[0].feed_forward.output_dense
        assert linear.weight.dtype == torch.bfloat16
        assert digest == each.weights_digest == make(folder).weights_digest
        assert kept.pretrained_operations(16000) == make(folder).pretrained_operations(16000)


class Wrong:
    """An encoder that is wrong, or fails, in half precision alone."""

    def __init__(self, encoder, error=None, longest=0):
        self.encoder, self.error, self.length = encoder, error, longest

    def __getattr__(self, name):
        return getattr(self.encoder, name)

    def states(self, pieces, layers):
        states, counts = self.encoder.states(pieces, layers)
        if torch.is_autocast_enabled("cpu") and len(pieces[0].wave) > self.length:
            if self.error:
                raise self.error
            states = {layer: -state if layer == 1 else state for layer, state in states.items()}
        return states, counts


@pytest.fixture
def able(monkeypatch):
    """A processor that is taken for one with instructions for bfloat16, so that more is looked at."""
    monkeypatch.setattr("pipeline.features.ssl.batches.has_bfloat16", lambda: True)


MISSING = RuntimeError("could not create a primitive descriptor. Run it with ONEDNN_VERBOSE.\nC++ trace:")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (None, "compute: bfloat16 is wrong on this machine: hidden states are off by 200 %; use float32$"),
        (MISSING, r"compute: bfloat16 cannot be had .*: use float32 \(could not create a primitive descriptor\)$"),
        (FULL, "the model .* does not fit in the memory of 'cpu'$"),
    ],
)
def test_half_precision_that_is_wrong_or_missing_is_one_line(plain, able, monkeypatch, error, says):
    load = SSL._load

    def wrong(self):
        backbone, encoder = load(self)
        return backbone, Wrong(encoder, error)

    monkeypatch.setattr(SSL, "_load", wrong)
    with pytest.raises(UserError, match=says):
        make(plain, compute="bfloat16").extract(noise(4000))
    make(plain).extract(noise(4000))


def test_a_kernel_missing_for_longer_utterances_is_one_line(plain, able):
    extractor = make(plain, compute="bfloat16")
    extractor.__dict__["encoder"] = Wrong(extractor.encoder, MISSING, longest=16000)
    extractor.extract(noise(16000))
    with pytest.raises(UserError, match=r"bfloat16 cannot be had .* primitive descriptor"):
        extractor.extract(noise(16001))


def test_a_device_without_the_format_is_refused_before_loading():
    with pytest.raises(UserError, match="float16 needs a GPU; on the CPU use bfloat16 or float32"):
        SSL(SSLParams(model="./nothing/here", compute="float16")).extract(noise(400))
    with pytest.raises(UserError, match="the device 'meta' has no bfloat16"):
        check_compute("bfloat16", "meta")
    check_compute("float32", "meta")


def test_a_processor_that_emulates_bfloat16_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True, "avx512_bf16": False})
    with pytest.raises(
        UserError, match=r"compute: bfloat16 cannot be had on this machine: its processor .*; use float32$"
    ):
        check_compute("bfloat16", "cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    check_compute("bfloat16", "cpu")


@pytest.mark.parametrize("emulated", [True, False])
def test_gpus_without_bfloat16_are_refused(monkeypatch, emulated):
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation or not emulated
    )
    if emulated:
        with pytest.raises(UserError, match="the device 'cuda:0' has no bfloat16"):
            check_compute("bfloat16", "cuda:0")
    else:
        check_compute("bfloat16", "cuda:0")
    check_compute("float16", "cuda:0")
