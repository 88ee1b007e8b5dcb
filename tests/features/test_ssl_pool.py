import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ssl_checkpoints import CHECKPOINTS, build, save

from pipeline.errors import UserError
from pipeline.features.ssl.extractor import SSL, SSLParams

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from pipeline.features.ssl.pooling import Frames, Pooled  # noqa: E402

pytestmark = pytest.mark.slow

LENGTHS = (16000, 9000, 400, 5301, 399, 12345, 1)


def noise(*lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal(n) * rng.uniform(0.2, 2)).astype(np.float32) for n in lengths]


@pytest.fixture(scope="module", params=CHECKPOINTS)
def folder(request, tmp_path_factory):
    return save(build(request.param), tmp_path_factory.mktemp(request.param), do_normalize=True)


def make(model="tiny", **params):
    return SSL(SSLParams(**{"model": model, "layers": (1, 2), "precision": "float32"} | params))


def test_pooled_is_the_mean_and_deviation_of_the_frames(folder):
    waves = noise(*LENGTHS)
    every, mean, both = (make(folder, pool=pool).extract(waves) for pool in ("none", "mean", "mean_std"))
    for states, one, two in zip(every, mean, both, strict=True):
        for stream, values in states.items():
            exact = values.astype(np.float64)
            assert one[stream].shape == (1, 32)
            assert two[stream].shape == (1, 64)
            np.testing.assert_allclose(one[stream][0], exact.mean(axis=0), atol=1e-5)
            np.testing.assert_array_equal(two[stream][0, :32], one[stream][0])
            np.testing.assert_allclose(two[stream][0, 32:], exact.std(axis=0), atol=1e-5)


def test_padding_leaves_pooled_states_alone(folder):
    extractor, waves = make(folder, pool="mean_std"), noise(*LENGTHS)
    for wave, row in zip(waves, extractor.extract(waves), strict=True):
        (alone,) = extractor.extract([wave])
        for stream in row:
            np.testing.assert_allclose(row[stream], alone[stream], atol=1e-4)


def test_long_recordings_are_pooled_over_all_their_frames():
    waves = noise(16000 * 13, 16000 * 6, 8000)
    every, pooled = (make(pool=pool, chunk_seconds=5).extract(waves) for pool in ("none", "mean_std"))
    for states, row in zip(every, pooled, strict=True):
        exact = states["layer_02"].astype(np.float64)
        wanted = np.concatenate([exact.mean(axis=0), exact.std(axis=0)])
        np.testing.assert_allclose(row["layer_02"][0], wanted, atol=1e-5)


def test_pooled_features_are_one_row_per_utterance():
    pooled, framed = make(pool="mean_std", precision="float16"), make()
    assert (pooled.frame_rate, pooled.first_frame) == (0, 0)
    assert (framed.frame_rate, framed.first_frame) == (50, 0.0125)
    assert pooled.dims == {"layer_01": 128, "layer_02": 128}
    assert make(pool="mean").dims == framed.dims == {"layer_01": 64, "layer_02": 64}
    assert [pooled.frames(n) for n in (1, 16000)] == [1, 1]
    (row,) = pooled.extract(noise(16000))
    assert row["layer_01"].dtype == pooled.dtypes["layer_01"] == np.float16


def test_a_single_frame_deviates_by_nothing():
    (row,) = make(pool="mean_std").extract(noise(300))
    assert not row["layer_01"][0, 64:].any()


def test_pooling_comes_before_rounding():
    half, full = (
        make(pool="mean_std", precision=precision).extract(noise(16000)) for precision in ("float16", "float32")
    )
    np.testing.assert_array_equal(half[0]["layer_01"], full[0]["layer_01"].astype(np.float16))


def test_pooling_makes_room_for_half_precision(tmp_path):
    # Frames too large for it may have a mean that is not; a mean that is too large is an error.
    keep = Pooled("float16", "some model", deviation=False)
    states = torch.tensor([[1e5], [-1e5], [3.0]])
    (part,) = keep.parts(states, [3])
    assert keep.join([part]) == pytest.approx(1, abs=0.01)
    with pytest.raises(
        UserError, match=r"'some model' reach 1e\+05, over float16's 6.55e\+04: set precision to float32"
    ):
        keep.join(keep.parts(states[:1], [1]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("keep", [Frames("float32", "some model"), Pooled("float32", "some model", deviation=True)])
def test_what_is_not_finite_is_refused(keep, value):
    states = torch.tensor([[1.0], [value]])
    with pytest.raises(UserError, match=r"'some model' reach (nan|inf), .* set compute to float32"):
        keep.join(keep.parts(states, [2]))


@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=6), offset=st.sampled_from([0.0, 1e3]))
def test_statistics_of_parts_join_to_those_of_the_whole(counts, offset):
    values = np.random.default_rng(sum(counts)).standard_normal((sum(counts), 3)) + offset
    keep = Pooled("float32", "some model", deviation=True)
    (row,) = keep.join(keep.parts(torch.from_numpy(values.astype(np.float32)), counts))
    np.testing.assert_allclose(row[:3], values.mean(axis=0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(row[3:], values.std(axis=0), rtol=1e-3, atol=1e-5 + 1e-6 * offset)
