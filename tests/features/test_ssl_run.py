import numpy as np
import pytest
from half_precision import or_refused
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from ssl_checkpoints import CHECKPOINTS, build, save

from pipeline.audio.audio_file import write_audio
from pipeline.errors import UserError
from pipeline.extraction.extraction import extract
from pipeline.features.alignment import utterance_times
from pipeline.features.ssl.extractor import SSL, SSLParams
from pipeline.jobs.workplace import Workplace
from pipeline.storage.feature_file import FeatureFile

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from pipeline.features.ssl.batches import cut, passes, within_memory  # noqa: E402
from pipeline.features.ssl.convolutions import convolve, moments, normalises_over_time  # noqa: E402
from pipeline.features.ssl.wav2vec import frames, hidden_states, normalise  # noqa: E402
from pipeline.jobs.torch_errors import out_of_memory  # noqa: E402

pytestmark = pytest.mark.slow

RATE = 16000


def noise(*lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal(n) * rng.uniform(0.2, 2) + rng.uniform(-0.5, 0.5)).astype(np.float32) for n in lengths]


@pytest.fixture(scope="module", params=CHECKPOINTS)
def folder(request, tmp_path_factory):
    return save(build(request.param), tmp_path_factory.mktemp(request.param), do_normalize=True)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A model in which nothing but attention reaches across an utterance."""
    return save(build("data2vec-audio"), tmp_path_factory.mktemp("plain"), do_normalize=False)


def make(folder, **params):
    return SSL(SSLParams(**{"model": folder, "layers": (0, 2), "precision": "float32"} | params))


# --- windows of long recordings ---


class Base:
    conv_kernel, conv_stride = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)


@given(samples=st.integers(1, 3_000_000), seconds=st.floats(5, 60), family=st.sampled_from(["wav2vec", "whisper"]))
def test_windows_keep_every_frame_once_with_context(samples, seconds, family):
    counter = (lambda n: frames(n, Base)) if family == "wav2vec" else (lambda n: max(1, -(-n // 320)))
    size, context = int(seconds * RATE), 2 * RATE
    windows = cut(samples, size, context, 320, counter)
    kept = []
    for i, window in enumerate(windows):
        assert window.start % 320 == 0
        assert 0 < window.stop - window.start <= size
        assert 0 <= window.first < window.last <= counter(window.stop - window.start)
        if i:
            assert window.first * 320 >= context - 320
        if i + 1 < len(windows):
            assert window.stop - (window.start + 320 * window.last) >= context - 320
        kept += range(window.start // 320 + window.first, window.start // 320 + window.last)
    assert kept == list(range(counter(samples)))
    assert windows[-1].stop == samples
    assert len(windows) == 1 or samples > size


@pytest.mark.slow
def test_layer_0_of_a_long_recording_is_that_of_the_whole(folder):
    # The normalisation and the group norm are of the whole recording, and the convolutions see enough on either side.
    waves = noise(RATE * 13, RATE * 9, 4000)
    waves[0][: RATE * 6] *= 0.01
    whole = make(folder, layers=(0,), chunk_seconds=1000).extract(waves)
    parts = make(folder, layers=(0,), chunk_seconds=5).extract(waves)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one["layer_00"], other["layer_00"], atol=1e-4)


def test_states_of_a_long_recording_are_those_of_its_windows(plain):
    extractor, (wave,) = make(plain, chunk_seconds=5), noise(RATE * 13)
    (row,) = extractor.extract([wave])
    windows = cut(len(wave), 5 * RATE, 2 * RATE, 320, extractor.frames)
    assert len(windows) > 5
    alone = [extractor.extract([wave[window.start : window.stop]])[0] for window in windows]
    for stream, states in row.items():
        kept = [one[stream][window.first : window.last] for one, window in zip(alone, windows, strict=True)]
        np.testing.assert_allclose(states, np.concatenate(kept), atol=1e-4)
    (whole,) = make(plain).extract([wave])
    assert whole["layer_02"].shape == row["layer_02"].shape
    assert np.abs(whole["layer_02"] - row["layer_02"]).max() > 1e-3


def test_recordings_up_to_the_length_are_whole(plain):
    waves = noise(RATE * 5, 400)
    for one, other in zip(make(plain, chunk_seconds=5).extract(waves), make(plain).extract(waves), strict=True):
        np.testing.assert_array_equal(one["layer_02"], other["layer_02"])


def test_windows_must_be_longer_than_their_context():
    with pytest.raises(ValidationError):
        SSLParams(chunk_seconds=4)
    with pytest.raises(ValidationError, match="chunk_seconds"):
        SSLParams(chunk_seconds=1e308)


# --- frame times ---


def test_first_frame_is_the_centre_of_what_it_sees(folder):
    extractor = make(folder)
    assert (extractor.frame_rate, extractor.first_frame) == (50, 0.0125)
    encoder = extractor.encoder.backbone.feature_extractor
    batch = torch.zeros(2, RATE)
    batch[1, RATE // 2] = 1  # seen by no more than two frames, either side of it
    whole = [moments(batch[0].numpy(), 10, 5)] * 2 if normalises_over_time(encoder) else None
    with torch.inference_mode():
        silent, click = convolve(encoder, batch, [RATE, RATE], whole, tiled=True)
    seen = (silent - click).abs().amax(dim=1).nonzero()[:, 0].numpy()
    times = extractor.first_frame + seen / extractor.frame_rate
    assert len(seen) in (1, 2)
    assert np.abs(times - 0.5).max() <= 0.0125


def test_the_feature_file_says_when_frames_are_and_how_they_were_made(tmp_path):
    audio = tmp_path / "audio.h5"
    write_audio(audio, "made", RATE, [(f"u{i}", np.int16(3000 * wave)) for i, wave in enumerate(noise(9000, 16000))])

    def run(name, **params):
        said = str(extract(make("tiny", **params), FeatureFile(audio), tmp_path / name, "made", Workplace(cluster="")))
        return said, FeatureFile(tmp_path / name)

    said, framed = run("framed.h5")
    assert said == "computed 2, reused 0"
    assert (framed.header.frame_rate, framed.header.first_frame) == (50, 0.0125)
    np.testing.assert_allclose(utterance_times("u0", framed)[-1], 0.0125 + 26 / 50)
    said, pooled = run("pooled.h5", pool="mean_std")
    assert (pooled.header.frame_rate, pooled.streams["layer_02"].shape) == (0, (2, 128))
    assert run("pooled.h5", pool="mean_std")[0] == "computed 0, reused 2"
    for changed in ({"pool": "mean"}, {"pool": "mean_std", "compute": "bfloat16"}, {"chunk_seconds": 20}):
        done = or_refused(lambda changed=changed: run("pooled.h5", **changed))
        assert done is None or done[0] == "computed 2, reused 0"


# --- forward passes ---


@given(st.lists(st.integers(1, 100), max_size=30), st.integers(1, 400), st.integers(0, 100))
def test_passes_hold_every_piece_once_within_budget_and_slack(costs, budget, slack):
    found = passes(costs, budget, slack)
    assert sorted(i for chosen in found for i in chosen) == list(range(len(costs)))
    for chosen in found:
        most, least = max(costs[i] for i in chosen), min(costs[i] for i in chosen)
        assert len(chosen) == 1 or len(chosen) * most <= budget
        assert most - least <= slack
    lengths = [costs[i] for chosen in found for i in chosen]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize("most", [(0.6, 30.0), (30.0, 0.1), (30.0, 30.0)])
def test_passes_leave_the_states_alone(folder, monkeypatch, most):
    waves = noise(16000, 9000, 400, 5301, 399, 12345, 1)
    monkeypatch.setattr("pipeline.features.ssl.extractor.CPU_PASS", most)
    for wave, row in zip(waves, make(folder).extract(waves), strict=True):
        (alone,) = make(folder).extract([wave])
        np.testing.assert_allclose(row["layer_02"], alone["layer_02"], atol=1e-4)


class Small:
    """An encoder on a device that holds so many pieces."""

    def __init__(self, encoder, most, error):
        self.encoder, self.most, self.error, self.tried = encoder, most, error, []

    def __getattr__(self, name):
        return getattr(self.encoder, name)

    def states(self, pieces, layers):
        self.tried.append(len(pieces))
        if len(pieces) > self.most:
            raise self.error
        return self.encoder.states(pieces, layers)


FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


@pytest.mark.parametrize("error", [FULL, RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")])
def test_out_of_memory_halves_the_batch_and_goes_on(plain, error):
    waves = noise(9000, 5000, 7000, 6000, 8000)
    extractor = make(plain)
    wanted = extractor.extract(waves)
    extractor.__dict__["encoder"] = small = Small(extractor.encoder, 2, error)
    found = extractor.extract(waves)
    assert small.tried == [5, 2, 3, 1, 2]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one["layer_02"], other["layer_02"], atol=1e-4)


def test_an_utterance_that_does_not_fit_alone_is_one_clear_line(plain):
    extractor = make(plain)
    extractor.__dict__["encoder"] = Small(extractor.encoder, 0, FULL)
    said = r"1\.5 s of audio do not fit .* lower chunk_seconds .*\(CUDA out of memory\)$"
    with pytest.raises(UserError, match=said) as caught:
        extractor.extract(noise(4000, 24000)[::-1])
    assert "\n" not in str(caught.value)


def test_other_errors_are_not_taken_for_a_full_memory():
    def broken(chosen):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        within_memory(broken, [0, 1], lambda i: 1)
    assert out_of_memory(MemoryError())
    assert not out_of_memory(RuntimeError("no"))


def test_a_model_that_does_not_fit_is_one_clear_line(plain, monkeypatch):
    def full(self, device):
        raise FULL

    monkeypatch.setattr("transformers.PreTrainedModel.to", full)
    with pytest.raises(UserError, match="does not fit in the memory of 'cpu'"):
        make(plain).extract(noise(400))


# --- the convolutions, tile by tile, and all at once as on a GPU ---


@pytest.mark.parametrize("name", ["wav2vec2-group", "wav2vec2-layer"])
def test_tiles_are_those_of_transformers_and_of_the_batch(name):
    extractor, waves = build(name).feature_extractor, noise(80000, 40000, 400)
    batch = torch.zeros(3, 80000)
    for row, wave in zip(batch, waves, strict=True):
        row[: len(wave)] = torch.from_numpy(wave)
    whole = [moments(wave, 10, 5) for wave in waves] if name == "wav2vec2-group" else None
    with torch.inference_mode():
        tiled, at_once = (convolve(extractor, batch, [80000, 40000, 400], whole, tiled) for tiled in (True, False))
        for wave, one, other in zip(waves, tiled, at_once, strict=True):
            theirs = extractor(torch.from_numpy(wave)[None])[0].T
            torch.testing.assert_close(one[: len(theirs)], theirs, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(other[: len(theirs)], theirs, atol=1e-5, rtol=1e-5)


def test_what_other_devices_run_gives_the_same(folder, monkeypatch):
    waves = noise(40000, 16000, 9000, 399)
    wanted = make(folder).extract(waves)
    monkeypatch.setattr("pipeline.features.ssl.extractor.CPU_PASS", (240.0, 240.0))
    monkeypatch.setattr("pipeline.features.ssl.wav2vec.convolve", lambda *given: convolve(*given[:4], tiled=False))
    monkeypatch.setattr("pipeline.features.ssl.wav2vec.Wav2vecEncoder._flat", None)
    for one, other in zip(make(folder).extract(waves), wanted, strict=True):
        for stream in one:
            np.testing.assert_allclose(one[stream], other[stream], atol=1e-4)


@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_moments_are_those_of_the_windows(offset, monkeypatch):
    monkeypatch.setattr("pipeline.features.ssl.convolutions._BLOCK", 1000)
    wave = noise(16003)[0] + np.float32(offset)
    windows = np.stack([wave[i : i + 10] for i in range(0, 16003 - 9, 5)]).astype(np.float64)
    found = moments(wave, 10, 5)
    np.testing.assert_allclose(found.mean, windows.mean(axis=0), rtol=0, atol=1e-12 * (1 + offset))
    np.testing.assert_allclose(found.covariance, np.cov(windows.T, ddof=0), rtol=1e-9, atol=1e-12)


def test_normalising_in_blocks_is_normalising(monkeypatch):
    (wave,) = noise(25003)
    whole = normalise(wave)
    monkeypatch.setattr("pipeline.features.ssl.wav2vec._BLOCK", 1000)
    np.testing.assert_allclose(normalise(wave), whole, atol=1e-6)
    exact = wave.astype(np.float64)
    np.testing.assert_allclose(whole, (exact - exact.mean()) / exact.std(), rtol=1e-5, atol=1e-6)


def test_silence_is_finite(folder):
    for row in make(folder).extract([np.zeros(4000, np.float32), *noise(4000)]):
        assert np.isfinite(row["layer_02"]).all()


def test_gradients_reach_the_model():
    # End-to-end training runs the same code.
    model, waves = build("wav2vec2-group"), noise(8000, 4000)
    sum(state[1].square().mean() for state in hidden_states(model, waves, (1,))).backward()
    reached = [p.grad is not None and p.grad.isfinite().all() for p in model.feature_extractor.parameters()]
    assert all(reached)
    assert model.feature_projection.projection.weight.grad.abs().max() > 0
