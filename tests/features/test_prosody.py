"""Prosody against a naive reading of its definition, on synthetic signals; and what clean mode promises."""

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.bench.plain_prosody import features
from pipeline.features.prosody.blocks import CLEAN, COMPAT, fit_lines, moments
from pipeline.features.prosody.extractor import BLOCKS, FEATURE_NAMES, Prosody, ProsodyParams, static_prosody
from pipeline.features.prosody.f0 import on_grid, praat_f0

MODES = {"clean": CLEAN, "compat": COMPAT}


def random_track(rng, frames, longest):
    """Alternating voiced and unvoiced runs of 1 to `longest` frames, either kind first and last."""
    track = np.zeros(frames)
    at, voiced = 0, bool(rng.integers(2))
    while at < frames:
        size = int(rng.integers(1, longest + 1))
        if voiced:
            track[at : at + size] = rng.uniform(80, 300, len(track[at : at + size]))
        at, voiced = at + size, not voiced
    return track


def random_signal(rng, samples, fs):
    """Noise whose level wanders over 60 dB, off zero."""
    knots = np.arange(0, samples + fs, fs // 20)
    level = np.interp(np.arange(samples), knots, rng.uniform(-3, 0, len(knots)))
    return (rng.standard_normal(samples) * 10**level * 0.1 + 0.01).astype(np.float32)


def speech_like(seconds, seed=0, rate=2.3):
    """Harmonic bursts, `rate` a second, with a falling F0 between stretches of noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * 16000)) / 16000
    phase = 2 * np.pi * np.cumsum(180 - 60 * t / seconds) / 16000
    voice = sum(np.sin(k * phase) / k for k in range(1, 9))
    gate = (np.sin(2 * np.pi * rate * t) > -0.2) * (t < 0.8 * seconds)
    return (0.1 * voice * gate + 0.003 * rng.standard_normal(len(t))).astype(np.float32)


def assert_same(got, wanted):
    """Equal within rtol 1e-6, NaNs in the same places; moments of errors that are rounding noise are passed over."""
    for kind in ("voiced", "unvoiced"):
        if 0 < wanted[FEATURE_NAMES.index(f"avgmseE{kind}")] < 1e-18:
            noise = [FEATURE_NAMES.index(f"{moment}mseE{kind}") for moment in ("skw", "kurtosis")]
            got[noise] = wanted[noise] = 0.0
    if 0 < wanted[FEATURE_NAMES.index("F0mseavg")] < 1e-18:
        noise = [FEATURE_NAMES.index(name) for name in ("F0mseskw", "F0mseku")]
        got[noise] = wanted[noise] = 0.0
    wrong = [
        (name, a, b)
        for name, a, b in zip(FEATURE_NAMES, got, wanted, strict=True)
        if not np.isclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True)
    ]
    assert not wrong, wrong


def test_names():
    assert len(FEATURE_NAMES) == len(set(FEATURE_NAMES)) == 103
    starts = {0: "F0avg", 6: "F0tiltavg", 7: "F0mseavg", 18: "1F0mean", 24: "lastF0avg", 29: "lastF0ku"}
    starts |= {30: "avgEvoiced", 36: "skwtiltEvoiced", 44: "max1Evoiced", 53: "kurtosislastEvoiced", 54: "avgEunvoiced"}
    starts |= {78: "Vrate", 79: "avgdurvoiced", 84: "mindurvoiced", 95: "maxdurpause", 97: "PVU", 102: "UP"}
    assert {i: FEATURE_NAMES[i] for i in starts} == starts
    assert [FEATURE_NAMES[part][0] for part in BLOCKS.values()] == ["F0avg", "avgEvoiced", "avgEunvoiced", "Vrate"]


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("longest", [2, 3, 5, 12, 40])
def test_against_the_naive_reading(mode, longest):
    rng = np.random.default_rng(longest)
    for trial in range(25):
        fs = 48000 if trial % 5 == 0 else 16000
        x = random_signal(rng, int(rng.uniform(0.06, 1.5) * fs), fs)
        f0 = random_track(rng, int(len(x) / fs / 0.01), longest)
        got, valid = static_prosody(x, fs, f0, MODES[mode])
        assert_same(got, features(x, fs, f0, clean=mode == "clean"))
        if mode == "clean":
            assert all(flag or not got[part].any() for flag, part in zip(valid, BLOCKS.values(), strict=True))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "runs",
    [
        [30],
        [-30],
        [1, -29],
        [-29, 1],
        [-20, 5, -5],
        [1, -1, 1, -1, 1, -1, 1, -1],
        [-2, 2, -2, 2, -2, 2],
        [-3, 3, -3, 3, -3, 3],
        [-4, 4, -4, 4, -4, 4, -4],
        [8, -8, 1, -1, 9, -3],
        [8, -8, 2, -2, 2, -2, 9, -3],
        [1, -20, 8, -30, 5, -4, 2],
        [-15, 4, -16, 4, -17, 4, -15],
    ],
)
def test_edge_tracks(mode, runs):
    """Runs in frames, negative for unvoiced: 1 to 4 frames, first, last, empty segments, pauses at the limit."""
    rng = np.random.default_rng(1)
    f0 = np.concatenate([rng.uniform(90, 200, run) if run > 0 else np.zeros(-run) for run in runs])
    x = random_signal(rng, 160 * len(f0) + 7, 16000)
    assert_same(static_prosody(x, 16000, f0, MODES[mode])[0], features(x, 16000, f0, clean=mode == "clean"))


@pytest.mark.parametrize("mode", MODES)
def test_digital_silence_within_speech(mode):
    rng = np.random.default_rng(2)
    x = np.round(1000 * rng.standard_normal(16000)) / 32768
    x[8000:] = -x[:8000]  # the mean is exactly 0, so that zeros stay zeros
    x[2000:2900] = x[10000:10900] = 0.0
    f0 = np.zeros(100)
    f0[5:30], f0[50:80], f0[90:95] = np.linspace(150, 140, 25), np.linspace(150, 170, 30) ** 1.1, 160.0
    got = static_prosody(x, 16000, f0, MODES[mode])[0]
    assert_same(got, features(x, 16000, f0, clean=mode == "clean"))
    assert got[FEATURE_NAMES.index("min1Evoiced")] == (-100.0 if mode == "clean" else -1e30)


@pytest.mark.parametrize("mode", MODES)
def test_shape_of_constant_data(mode):
    f0 = np.zeros(100)
    f0[5:90] = 0.1 * 1501  # its mean is not exact
    got = dict(zip(FEATURE_NAMES, static_prosody(HARD["noise"], 16000, f0, MODES[mode])[0], strict=True))
    shapes = [got[name] for name in ("F0skew", "F0kurt", "1F0skw", "lastF0ku", "F0tiltskw")]
    assert np.isnan(shapes).all() if mode == "compat" else shapes == [0.0] * 5


def test_moments_do_not_cancel():
    values = 1e6 + np.array([0.0, 1.0, 3.0, 7.0])
    near = moments(values - 1e6, np.array([4]), 0.0)[0]
    assert np.allclose(moments(values, np.array([4]), 0.0)[0, [1, 4, 5]], near[[1, 4, 5]], rtol=1e-9)
    assert np.allclose(np.ravel(fit_lines(values, np.array([4]), False)), [230.0, 0.575], rtol=1e-9)


SILENT_OR_SHORT = {
    "empty": np.zeros(0),
    "one sample": np.ones(1),
    "10 ms": np.random.default_rng(0).standard_normal(160),
    "49.9 ms": np.random.default_rng(0).standard_normal(799),
    "silence": np.zeros(16000),
    "DC": np.full(16000, 0.1),
}

HARD = {
    "50 ms": np.random.default_rng(0).standard_normal(800),
    "noise": np.random.default_rng(0).standard_normal(16000) * 0.1,
    "impulse": np.eye(1, 16000, 5000).ravel(),
    "clipped": np.clip(speech_like(1.5) * 50, -1, 1),
    "faint": speech_like(1.5) * 1e-30,
    "sine": np.sin(np.arange(16000) * 0.05),
    "speech then silence": np.concatenate([speech_like(1.0), np.zeros(8000)]),
}


@pytest.mark.parametrize("kind", SILENT_OR_SHORT)
def test_clean_gives_zeros(kind):
    stream = Prosody(ProsodyParams()).extract([SILENT_OR_SHORT[kind].astype(np.float32)])[0]
    assert not any(value.any() for value in stream.values())
    Prosody(ProsodyParams(mode="compat")).extract([SILENT_OR_SHORT[kind].astype(np.float32)])


@pytest.mark.parametrize("kind", HARD)
def test_clean_is_finite(kind):
    extractor = Prosody(ProsodyParams())
    (stream,) = extractor.extract([HARD[kind].astype(np.float32)])
    assert {key: value.shape for key, value in stream.items()} == {k: (1, d) for k, d in extractor.dims.items()}
    assert all(value.dtype == extractor.dtypes[name] and np.isfinite(value).all() for name, value in stream.items())


def piece(kind, samples, rng):
    """A stretch of one kind of sound."""
    if kind == "speech":
        return speech_like(max(samples, 2) / 16000, int(rng.integers(99)))[:samples]
    return {
        "silence": np.zeros(samples),
        "offset": np.full(samples, rng.uniform(-1, 1)),
        "noise": 10 ** rng.uniform(-6, 0) * rng.standard_normal(samples),
        "tone": np.sin(rng.uniform(0.02, 3) * np.arange(samples)),
        "one bit": rng.integers(0, 2, samples) / 32768,
        "full scale": np.sign(rng.standard_normal(samples)),
    }[kind]


KINDS = ("speech", "silence", "offset", "noise", "tone", "one bit", "full scale")


@drawn(40)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 6000)), min_size=1, max_size=5), st.integers(0, 9999))
def test_clean_is_finite_on_anything(pieces, seed):
    rng = np.random.default_rng(seed)
    wave = np.concatenate([piece(kind, samples, rng) for kind, samples in pieces]).astype(np.float32)
    (stream,) = Prosody(ProsodyParams()).extract([wave])
    assert np.isfinite(stream["values"]).all()
    for flag, part in zip(stream["valid"][0], BLOCKS.values(), strict=True):
        assert flag or not stream["values"][0, part].any()


@drawn(25)
@given(st.integers(0, 9999), st.integers(900, 30000), st.sampled_from([16000, 48000]), st.booleans())
def test_compat_end_to_end_is_the_plain_reading_of_praats_f0(seed, samples, rate, loud):
    wave = np.repeat(speech_like(samples / 16000, seed), rate // 16000)
    wave = np.clip(wave * 50, -1, 1) if loud else wave
    (stream,) = Prosody(ProsodyParams(mode="compat", sample_rate=rate)).extract([wave])
    assert_same(stream["values"][0], features(wave, rate, praat_f0(wave, rate, 60, 350), clean=False))


def test_clean_bandlimited_and_one_voiced_frame():
    spectrum = np.fft.rfft(speech_like(2.0, rate=4.5))
    spectrum[len(spectrum) // 2 :] = 0
    (stream,) = Prosody(ProsodyParams()).extract([np.fft.irfft(spectrum).astype(np.float32)])
    assert np.isfinite(stream["values"]).all()
    assert stream["valid"].all()
    for at in (0, 50, 99):
        f0 = np.zeros(100)
        f0[at] = 120.0
        values, valid = static_prosody(HARD["noise"], 16000, f0)
        assert np.isfinite(values).all()
        assert values[0] == 120.0
        assert valid.tolist() == [True, False, False, True]


@pytest.mark.parametrize("mode", MODES)
def test_batch_and_level_do_not_matter(mode):
    extractor = Prosody(ProsodyParams(mode=mode))
    waves = [speech_like(1.0, seed=1), speech_like(1.7, seed=2), speech_like(0.03), speech_like(0.6, seed=3)]
    together = extractor.extract(waves)
    for wave, stream in zip(waves, together, strict=True):
        for other in (wave, wave * np.float32(0.25)):
            (alone,) = extractor.extract([other])
            assert all(np.array_equal(alone[key], stream[key], equal_nan=True) for key in stream)
        (scaled,) = extractor.extract([wave * np.float32(0.3)])
        assert np.allclose(scaled["values"], stream["values"], rtol=1e-3, atol=1e-3, equal_nan=True)


def test_f0_of_a_known_pitch():
    t = np.arange(16000) / 16000
    tone = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 6))
    f0 = praat_f0(tone, 16000, 60, 350)
    assert f0.shape == (100,)
    assert (f0 > 0).sum() > 85
    assert np.allclose(f0[f0 > 0], 140, atol=0.5)
    for samples in (0, 1, 799):
        assert np.array_equal(praat_f0(tone[:samples], 16000, 60, 350), np.zeros(samples // 160))
    with pytest.raises(ValueError, match="finite"):
        praat_f0(np.array([np.nan] * 1600), 16000, 60, 350)
    with pytest.raises(ValueError, match="mono"):
        praat_f0(np.zeros((2, 1600)), 16000, 60, 350)


def test_grid_takes_the_nearest_point():
    rng = np.random.default_rng(4)
    for _ in range(50):
        duration = rng.uniform(0.05, 2)
        count = int(duration / 0.01)
        times = np.sort(rng.uniform(0, duration, count // 2 + 1))
        wanted = np.zeros(count)
        for time, value in zip(times, times + 1, strict=True):
            wanted[np.argmin(np.abs(np.linspace(0, duration, count) - time))] = value
        assert np.array_equal(on_grid(times, times + 1, duration, count), wanted)
    assert on_grid(np.zeros(0), np.zeros(0), 0.001, 0).shape == (0,)
    assert np.array_equal(on_grid(np.array([0.5]), np.ones(1), 1.0, 2), [1.0, 0.0])


def test_params():
    assert ProsodyParams().ceiling == 500
    assert ProsodyParams(mode="compat").ceiling == 350
    assert ProsodyParams(mode="compat", f0_ceiling=400).ceiling == 400
    with pytest.raises(ValidationError, match="f0_floor"):
        ProsodyParams(f0_floor=600)
    with pytest.raises(ValidationError, match=r"f0_ceiling \(8001 Hz\) must be at most half of sample_rate"):
        ProsodyParams(f0_ceiling=8001)
    with pytest.raises(ValidationError, match="16000"):
        ProsodyParams(sample_rate=48000)
    with pytest.raises(ValueError, match="multiple of 100"):
        static_prosody(np.ones(22050), 22050, np.zeros(100))
    with pytest.raises(ValueError, match="finite"):
        static_prosody(np.full(16000, np.nan), 16000, np.zeros(100))
