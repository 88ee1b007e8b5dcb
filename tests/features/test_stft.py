"""Plain spectrograms against librosa."""

import librosa
import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st

from pipeline.features.spectrum import SpectrumParams
from pipeline.features.stft import STFT

many = drawn(25)


def signal(samples, seed=0):
    """Noise whose loudness swings, under a tone."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples)
    noise = rng.standard_normal(samples) * (0.02 + 0.1 * np.sin(t / 3000 + seed) ** 2)
    return (noise + 0.3 * np.sin(t * rng.uniform(0.02, 2))).astype(np.float32)


def stft(*waves, **params):
    return [streams["values"] for streams in STFT(SpectrumParams(**params)).extract(waves)]


@many
@given(
    st.fixed_dictionaries(
        {
            "sample_rate": st.sampled_from([16000, 48000]),
            "n_fft": st.sampled_from([256, 400, 640, 1024]),
            "win_length": st.none() | st.integers(128, 256),
            "hop_length": st.integers(64, 640),
            "window": st.sampled_from(["hann", "hamming"]),
            "center": st.booleans(),
            "power": st.sampled_from([1.0, 1.5, 2.0]),
            "top_db": st.none() | st.floats(20, 100),
        }
    ),
    st.integers(1024, 9000),
    st.integers(0, 99),
)
def test_it_is_librosas(p, samples, seed):
    wave = signal(samples, seed)
    options = {name: p[name] for name in ("n_fft", "win_length", "hop_length", "window", "center")}
    magnitude = np.abs(librosa.stft(wave.astype(np.float64), **options)) ** p["power"]
    wanted = librosa.power_to_db(magnitude, top_db=p["top_db"]).T
    (found,) = stft(wave, **p)
    assert (found.dtype, found.shape) == (np.float32, wanted.shape)
    assert np.linalg.norm(found - wanted) <= 1e-4 * np.linalg.norm(wanted)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("samples", [1, 100, 639, 640, 641, 959, 960, 5000])
def test_shape_and_frame_times(samples, center):
    extractor = STFT(SpectrumParams(n_fft=640, hop_length=320, center=center))
    (streams,) = extractor.extract([signal(samples)])
    expected = 1 + samples // 320 if center else 1 + max(0, samples - 640) // 320
    assert streams["values"].shape == (expected, 321) == (extractor.frames(samples), extractor.dims["values"])
    assert np.isfinite(streams["values"]).all()
    assert extractor.frame_rate == 50
    assert extractor.first_frame == (0 if center else 0.02)


def test_a_tone_is_loudest_in_its_band():
    wave = np.sin(2 * np.pi * 1000 / 16000 * np.arange(8000)).astype(np.float32)
    (found,) = stft(wave, n_fft=640, hop_length=320, center=False)
    assert set(found.argmax(axis=1)) == {1000 * 640 // 16000}


def test_an_utterance_is_the_same_in_any_batch():
    waves = [signal(n, n) for n in (5000, 900, 30, 7000)]
    for wave, found in zip(waves, stft(*waves, n_fft=640, hop_length=320), strict=True):
        np.testing.assert_allclose(found, stft(wave, n_fft=640, hop_length=320)[0], atol=1e-3)


def test_silence_is_the_power_floor():
    np.testing.assert_array_equal(stft(np.zeros(2000, np.float32), n_fft=640)[0], -100)
