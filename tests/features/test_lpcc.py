"""LPCC against independent references: scipy's Toeplitz solver, and the cepstrum from the all-pole spectrum."""

import librosa
import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.features.lpcc import FLOOR, LPCC, LPCCParams, autocorrelation, cepstra, levinson_durbin, windowed_frames
from pipeline.features.mfcc import MFCC, MFCCParams

many = drawn(25)


def speech_like(samples, seed=0):
    """Noise through a resonance at 700 Hz, under a pulse every 8 ms."""
    rng = np.random.default_rng(seed)
    source = 0.02 * rng.standard_normal(samples)
    source[::128] += 1
    pole = 0.97 * np.exp(2j * np.pi * 700 / 16000)
    wave = scipy.signal.lfilter([0.1], np.real(np.poly([pole, pole.conj(), 0.5])), source)
    return wave.astype(np.float32)


def lpcc(*waves, **params):
    return [streams["values"] for streams in LPCC(LPCCParams(**params)).extract(waves)]


def reference(wave, params):
    """LPCC of one wave, frame by frame: librosa's frames, scipy's window and solver, the textbook recursion."""
    if params.pre_emphasis:
        wave = librosa.effects.preemphasis(wave, coef=params.pre_emphasis)
    wave = wave.astype(np.float64)
    if params.center:
        wave = np.pad(wave, params.n_fft // 2)
    length = params.win_length or params.n_fft
    window = librosa.util.pad_center(scipy.signal.get_window(params.window, length), size=params.n_fft)
    rows = []
    for frame in librosa.util.frame(wave, frame_length=params.n_fft, hop_length=params.hop_length).T:
        windowed = frame * window
        lags = np.correlate(windowed, windowed, "full")[params.n_fft - 1 :][: params.order + 1]
        lags[0] *= 1 + FLOOR
        alpha = scipy.linalg.solve_toeplitz(lags[:-1], lags[1:])
        c = {}
        for n in range(1, params.n_lpcc + 1):
            c[n] = alpha[n - 1] if n <= params.order else 0.0
            for k in range(1, n):
                if n - k <= params.order:
                    c[n] += k / n * c[k] * alpha[n - k - 1]
        rows.append([c[n] for n in range(1, params.n_lpcc + 1)])
    return np.array(rows)


@many
@given(
    st.fixed_dictionaries(
        {
            "n_fft": st.sampled_from([320, 400, 640]),
            "win_length": st.none() | st.integers(200, 320),
            "hop_length": st.integers(80, 400),
            "window": st.sampled_from(["hann", "hamming"]),
            "center": st.booleans(),
            "order": st.integers(1, 20),
            "n_lpcc": st.integers(1, 30),
            "pre_emphasis": st.sampled_from([0.0, 0.97]),
        }
    ),
    st.integers(640, 6000),
    st.integers(0, 99),
)
def test_it_is_the_reference(p, samples, seed):
    wave = speech_like(samples, seed)
    (found,) = lpcc(wave, **p)
    wanted = reference(wave, LPCCParams(**p))
    assert (found.shape, found.dtype) == (wanted.shape, np.float32)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@many
@given(st.integers(1, 12), st.integers(0, 99))
def test_cepstra_are_those_of_the_all_pole_spectrum(order, seed):
    """Of log |1 / A|, on a grid fine enough that nothing folds back."""
    rng = np.random.default_rng(seed)
    poles = rng.uniform(0, 0.9, order) * np.exp(1j * rng.uniform(0, np.pi, order))
    a = np.real(np.poly(np.concatenate([poles, poles.conj()])))
    log_magnitude = -np.log(np.abs(np.fft.rfft(a, 4096)))
    wanted = 2 * np.fft.irfft(log_magnitude)[1:41]
    found = cepstra(-a[1:, None], 40)[:, 0]
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_the_coefficients_of_a_known_filter_are_found():
    a = np.real(np.poly([0.9 * np.exp(0.5j), 0.9 * np.exp(-0.5j), 0.8 * np.exp(2j), 0.8 * np.exp(-2j)]))
    response = scipy.signal.lfilter([1], a, np.eye(1, 2000)[0])
    alpha = levinson_durbin(autocorrelation(response[None], 4))
    np.testing.assert_allclose(alpha[:, 0], -a[1:], atol=1e-10)


def test_levinson_durbin_of_many_frames_is_that_of_each():
    frames = np.random.default_rng(0).standard_normal((5, 100))
    lags = autocorrelation(frames, 8)
    for t in range(5):
        wanted = scipy.linalg.solve_toeplitz(lags[:-1, t], lags[1:, t])
        np.testing.assert_allclose(levinson_durbin(lags)[:, t], wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("win_length", [None, 300])
def test_frames_lie_where_those_of_a_spectrogram_do(center, win_length):
    params = LPCCParams(center=center, win_length=win_length, window="hann")
    wave = speech_like(3000)
    ours = np.fft.rfft(windowed_frames(wave, params)).T
    options = {"n_fft": 400, "hop_length": 160, "win_length": win_length, "center": center}
    np.testing.assert_allclose(ours, librosa.stft(wave.astype(np.float64), **options), atol=1e-10)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("samples", [1, 2, 100, 399, 400, 401, 559, 560, 561, 16000])
def test_frames_are_counted_as_the_mfccs(samples, center):
    options = {"n_fft": 400, "hop_length": 160, "center": center}
    extractor = LPCC(LPCCParams(**options))
    (found,) = extractor.extract([speech_like(samples)])
    assert found["values"].shape == (extractor.frames(samples), 16)
    assert extractor.frames(samples) == MFCC(MFCCParams(**options, n_mels=20)).frames(samples)
    assert extractor.frame_rate == 100
    assert extractor.first_frame == (0 if center else 0.0125)


@given(st.sampled_from([0.001, 0.5, 1.5]))
def test_the_level_does_not_matter(gain):
    wave = speech_like(4000)
    np.testing.assert_allclose(lpcc(np.float32(gain) * wave)[0], lpcc(wave)[0], atol=1e-4)


def test_an_utterance_is_the_same_in_any_batch():
    waves = [speech_like(n, n) for n in (5000, 1200, 300, 8000)]
    together = lpcc(*waves)
    for wave, found in zip(waves, together, strict=True):
        np.testing.assert_array_equal(found, lpcc(wave)[0])
    for found, again in zip(together, reversed(lpcc(*reversed(waves))), strict=True):
        np.testing.assert_array_equal(found, again)


def test_silence_is_zeros_and_only_there():
    wave = np.concatenate([speech_like(3200), np.zeros(3200, np.float32)])
    (found,) = lpcc(wave, center=False)
    assert (found[:18] != 0).any(axis=1).all()
    np.testing.assert_array_equal(found[21:], 0)


@pytest.mark.parametrize(
    "wave",
    [
        np.zeros(1000),
        np.full(1000, 0.3),
        np.sign(np.sin(np.arange(4000) / 5)),
        np.sin(np.arange(4000) / 5),
        np.eye(1, 1000)[0],
        np.full(1000, 1 / 32768),
        np.random.default_rng(0).uniform(-1, 1, 3),
    ],
    ids=["silence", "constant", "clipped", "sine", "click", "last bit", "three samples"],
)
@pytest.mark.parametrize("pre_emphasis", [0.0, 0.97])
def test_it_is_finite_on_anything(wave, pre_emphasis):
    (found,) = lpcc(wave.astype(np.float32), pre_emphasis=pre_emphasis, order=24, n_lpcc=30)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 100


@pytest.mark.parametrize("wave", [np.full(2000, 0.5), np.arange(2000) / 4096], ids=["constant", "ramp"])
def test_the_noise_floor_keeps_nearly_singular_frames_in_place(wave):
    """Without it, rounding decides: coefficients reach 400000, and depend on the level."""
    wave = wave.astype(np.float32)
    options = {"order": 30, "n_lpcc": 30, "pre_emphasis": 0.0, "center": False, "n_fft": 640, "window": "hann"}
    (found,) = lpcc(wave, **options)
    np.testing.assert_allclose(found, reference(wave, LPCCParams(**options)), atol=1e-4)
    np.testing.assert_allclose(found, lpcc(np.float32(0.7) * wave, **options)[0], atol=1e-4)


def test_the_wave_is_left_alone():
    wave = speech_like(1000)
    before = wave.copy()
    lpcc(wave)
    np.testing.assert_array_equal(wave, before)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"order": 400}, "order 400 must be below the window's length, 400 samples"),
        ({"order": 20, "win_length": 20}, "order 20 must be below the window's length, 20 samples"),
        ({"win_length": 401}, "win_length 401 is longer than n_fft 400"),
        ({"order": 0}, "greater than or equal to 1"),
        ({"n_lpcc": 0}, "greater than or equal to 1"),
        ({"pre_emphasis": 1.0}, "less than 1"),
    ],
)
def test_params_that_cannot_be(params, message):
    with pytest.raises(ValidationError, match=message):
        LPCCParams(**params)
