"""Functionals by hand, and the vectors that the pooled baselines read."""

import gc

import numpy as np
import pytest
from scipy.stats import skew
from system_checks import MFCC, view, write_acoustic

from pipeline.errors import DataError
from pipeline.storage.source import Arrays
from pipeline.systems import functionals
from pipeline.systems.functionals import describe, vectors
from pipeline.systems.view import View


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_acoustic(tmp_path_factory.mktemp("features"))


def test_functionals_by_hand():
    rng = np.random.default_rng(1)
    values = rng.standard_normal((23, 4))
    spoken = rng.random(23) < 0.6
    found = functionals.functionals(values, spoken).reshape(2, 9, 4)
    padded = np.concatenate([values[:1], values[:1], values, values[-1:], values[-1:]])
    slopes = np.array([np.polyfit(range(5), padded[i : i + 5], 1)[0] for i in range(23)])
    for part, got in zip((values, slopes), found, strict=True):
        own = part[spoken]
        line = np.polyfit(np.linspace(-1, 1, len(own)), own, 1)[0]
        wanted = [own.mean(0), own.std(0), line, skew(own), *np.percentile(own, (5, 25, 50, 75, 95), axis=0)]
        np.testing.assert_allclose(got, wanted, atol=1e-9)
    assert len(functionals.NAMES) == 9


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_functionals_of_very_few_frames_are_finite(frames):
    values = np.random.default_rng(0).standard_normal((frames, 3))
    found = functionals.functionals(values, np.ones(frames, bool)).reshape(2, 9, 3)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[0, 0], values.mean(axis=0), atol=1e-12)


def test_frames_30_db_below_the_loud_ones_are_silence():
    levels = np.array([-80.0, -31, -29, 0, 0, 0, 0, -60, 0, -80])
    spoken = functionals.speech(levels, 10)
    assert spoken.tolist() == [False, False, True, True, True, True, True, False, True, False]
    np.testing.assert_allclose(functionals.pattern(spoken), [0.6, 0.2, 0.5])
    assert functionals.speech(None, 4).all()
    assert functionals.speech(np.full(3, -200.0), 3).all()
    # One click is louder than the 95th percentile by far; something is speech all the same.
    assert functionals.speech(np.array([0.0]), 1).all()


def test_silence_at_the_ends_changes_nothing_but_the_pattern():
    rng = np.random.default_rng(2)
    speech = rng.normal(-20, 5, (40, 30))
    speech[:3] = speech[-3:] = -100.0
    longer = np.concatenate([np.full((17, 30), -100.0), speech, np.full((9, 30), -100.0)])
    first, second = describe(speech, "logmel", {}), describe(longer, "logmel", {})
    np.testing.assert_allclose(first[:-3], second[:-3], atol=1e-9)
    assert np.abs(first[-3:] - second[-3:]).min() > 0.005


def test_the_level_is_read_from_the_features():
    rng = np.random.default_rng(3)
    logmel = rng.normal(-30, 5, (6, 20))
    np.testing.assert_allclose(
        functionals.level(logmel, "logmel", {}), 10 * np.log10((10 ** (logmel / 10)).sum(axis=1))
    )
    mfcc = rng.standard_normal((6, 15))
    np.testing.assert_array_equal(functionals.level(mfcc, "mfcc", MFCC), mfcc[:, 4])
    without = functionals.level(mfcc, "mfcc", {**MFCC, "energy": False})
    np.testing.assert_allclose(without, mfcc[:, 0] / np.sqrt(20))
    assert functionals.level(mfcc, "mfcc", {}) is None
    assert functionals.level(mfcc, "lpcc", MFCC) is None


def test_derivatives_in_the_mfcc_are_left_to_the_deltas_taken_here():
    mfcc = np.random.default_rng(4).standard_normal((12, 15))
    np.testing.assert_array_equal(
        describe(mfcc, "mfcc", MFCC)[:90], functionals.functionals(mfcc[:, :5], functionals.speech(mfcc[:, 4], 12))
    )
    assert len(describe(mfcc, "mfcc", {**MFCC, "deltas": 0})) == 15 * 18 + 3
    assert len(describe(mfcc, "mfcc", {})) == 15 * 18 + 3


@pytest.mark.parametrize(("mels", "bands"), [(30, 24), (24, 24), (10, 10), (224, 24), (1, 1)])
def test_wide_bands_are_means_of_neighbours(mels, bands):
    logmel = np.random.default_rng(5).standard_normal((3, mels))
    found = functionals.wide_bands(logmel)
    assert found.shape == (3, bands)
    if bands == mels:
        np.testing.assert_array_equal(found, logmel)
    if mels == 30:
        np.testing.assert_allclose(found[:, 3], logmel[:, 3:5].mean(axis=1))
    assert len(describe(logmel, "logmel", {})) == (bands + 8) * 18 + 3


def test_the_shape_of_simple_spectra():
    flat = np.full((1, 9), -20.0)
    level, centroid, spread, tilt, flatness, flux, entropy, balance = functionals.spectral_shape(flat)[0]
    assert level == pytest.approx(-20 + 10 * np.log10(9))
    assert (centroid, tilt, flux) == pytest.approx((0.5, 0, 0))
    assert spread == pytest.approx(np.linspace(0, 1, 9).std())
    assert flatness == pytest.approx(-10 * np.log10(9))
    assert entropy == pytest.approx(np.log(9))
    assert balance == pytest.approx(10 * np.log10(4 / 5))
    line = np.stack([np.linspace(0, -40, 9), np.linspace(0, -40, 9) + 3])
    found = functionals.spectral_shape(line)
    np.testing.assert_allclose(found[:, 3], -40)
    np.testing.assert_allclose(found[:, 5], [0, 3])
    np.testing.assert_allclose(found[0, 1:3], found[1, 1:3])  # loudness changes no shape
    assert found[0, 1] < 0.1
    assert found[0, 7] > 19


def test_silence_has_finite_descriptors():
    assert np.isfinite(describe(np.full((5, 30), -300.0), "logmel", {})).all()


def test_vectors_are_the_roles_side_by_side_and_each_is_described_once(files, monkeypatch):
    gc.collect()
    X = view(files, ("logmel", "mfcc", "prosody"))
    found = vectors(X)
    wanted = np.hstack([
        np.stack([describe(files["logmel"].row(i), "logmel", {}) for i in range(16)]),
        np.stack([describe(files["mfcc"].row(i), "mfcc", MFCC) for i in range(16)]),
        np.stack([files["prosody"].row(i)[0] for i in range(16)]),
    ])  # fmt: skip
    np.testing.assert_array_equal(found, wanted)
    monkeypatch.setattr(functionals, "describe", None)  # never called again
    np.testing.assert_array_equal(vectors(X[[5, 2, 5]]), wanted[[5, 2, 5]])


def test_noisy_copies_have_vectors_of_their_own(files, tmp_path):
    noisy = write_acoustic(tmp_path, ["u01@20dB"], seed=9)
    X = View(["u01", "u01@20dB"], {"logmel": [files["logmel"], noisy["logmel"]]})
    np.testing.assert_array_equal(vectors(X)[1], describe(noisy["logmel"].row(0), "logmel", {}))


def test_two_files_of_copies_of_one_clean_file_have_vectors_of_their_own(files, tmp_path):
    for seed in (9, 10):
        (tmp_path / str(seed)).mkdir()
        noisy = write_acoustic(tmp_path / str(seed), ["u01@noise"], seed=seed)
        X = View(["u01", "u01@noise"], {"logmel": [files["logmel"], noisy["logmel"]]})
        np.testing.assert_array_equal(vectors(X)[1], describe(noisy["logmel"].row(0), "logmel", {}))


def test_an_undefined_copy_is_named_with_its_file(files):
    copy = Arrays({"values": [np.full((1, 7), np.nan)]}, ["u01@noise"], "prosody", label="noisy.h5")
    X = View(["u01", "u01@noise"], {"prosody": [files["prosody"], copy]})
    with pytest.raises(DataError, match=r"^noisy\.h5: features of 'u01@noise' are undefined"):
        vectors(X)
