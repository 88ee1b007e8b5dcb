"""Hidden states by kernels that the processor chooses are those of torch's own, whatever the processor is."""

import pytest
from half_precision import or_refused
from ssl_checkpoints import build, build_whisper, save, save_whisper
from test_ssl_run import make, noise

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from pipeline.jobs import kernels  # noqa: E402

FAMILIES = ("wav2vec2-group", "hubert-group", "wavlm-group", "whisper padded", "whisper exact")


def extractors(folder, family, *computes):
    if "whisper" in family:
        save_whisper(build_whisper(), folder)
    else:
        save(build(family), folder, do_normalize=True)
    more = {"context": "exact"} if "exact" in family else {}
    return [make(str(folder), compute=compute, chunk_seconds=5, **more) for compute in computes]


def check_near(found, exact, most):
    for one, other in zip(found, exact, strict=True):
        for stream, values in other.items():
            off = torch.from_numpy(one[stream] - values).norm() / torch.from_numpy(values).norm()
            assert float(off) < most


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_hidden_states_by_heads_are_near(tmp_path, monkeypatch, family):
    taken, by_heads = [], kernels.attention_by_heads
    monkeypatch.setattr(kernels, "attention_by_heads", lambda *given: taken.append(given) or by_heads(*given))
    monkeypatch.setattr(kernels, "_fused_is_slow", lambda: True)
    half, full = extractors(tmp_path, family, "bfloat16", "float32")
    waves = noise(9000, 16000, 18000, 20000)  # three are in one pass, padded
    if found := or_refused(lambda: half.extract(waves)):
        check_near(found, full.extract(waves), 0.05)
        assert bool(taken) is (family != "wavlm-group")  # whose attention has a bias


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_hidden_states_by_onednn_are_those_of_mkl(tmp_path, monkeypatch, family):
    monkeypatch.setattr(kernels, "LONG", 40)
    (extractor,) = extractors(tmp_path, family, "float32")
    waves, each, counts = noise(9000, 16000, 18000, 20000), [], []  # three are in one pass, padded
    by_onednn = kernels.by_onednn
    monkeypatch.setattr(kernels, "by_onednn", lambda *given: counts.append(given[0].dim()) or by_onednn(*given))
    for slow in (True, False):
        monkeypatch.setattr(kernels, "_mkl_is_slow", lambda slow=slow: slow)
        each.append(extractor.extract(waves))
        assert (counts.count(3) > 0, counts.count(2) > 0) == (slow, slow and family != "wavlm-group")  # attention: of 2
        counts.clear()
    check_near(each[0], each[1], 1e-5)
    monkeypatch.setattr(kernels, "_mkl_is_slow", lambda: True)
    check_near([extractor.extract([wave])[0] for wave in waves], each[0], 1e-5)
