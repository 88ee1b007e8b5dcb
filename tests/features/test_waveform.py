"""The waveform comes out of the feature file as it stands in the audio file."""

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.audio_file import audio_file, write_audio
from pipeline.audio.samples import RATES, to_float, to_pcm16
from pipeline.extraction.extraction import extract
from pipeline.features import find_extractor
from pipeline.features.length import fit
from pipeline.features.waveform import Waveform, WaveformParams
from pipeline.storage.feature_file import FeatureFile

EVERY = np.arange(-32768, 32768).astype(np.int16)
many = drawn(50)


def waveform(*pcm, **params):
    params = WaveformParams(**params)
    return [streams["values"] for streams in Waveform(params).extract([fit(to_float(p), params) for p in pcm])]


def test_every_sample_value_comes_back():
    (found,) = waveform(EVERY)
    assert (found.shape, found.dtype) == ((65536, 1), np.int16)
    np.testing.assert_array_equal(found[:, 0], EVERY)


def test_what_extractors_get_is_exact_and_in_range():
    wave = to_float(EVERY)
    assert (wave.dtype, wave.min()) == (np.float32, -1)
    assert wave.max() < 1
    np.testing.assert_array_equal(wave.astype(np.float64) * 32768, EVERY)


@many
@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=50))
def test_what_is_too_loud_saturates(samples):
    wave = np.array(samples, np.float64)
    pcm = to_pcm16(wave)
    np.testing.assert_array_equal(pcm, np.clip(np.rint(wave * 32768), -32768, 32767))
    np.testing.assert_array_equal(waveform(pcm)[0][:, 0], pcm)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [5, -6, 7]),
        ({"clip": 2 / 16000}, [5, -6]),
        ({"pad_to": 5 / 16000}, [5, -6, 7, 0, 0]),
        ({"pad_to": 5 / 16000, "pad": "repeat"}, [5, -6, 7, 5, -6, 7]),
        ({"pad_to": 5 / 16000, "clip": 5 / 16000, "pad": "repeat"}, [5, -6, 7, 5, -6]),
    ],
)
def test_clip_and_padding(params, expected):
    assert waveform(np.array([5, -6, 7], np.int16), **params)[0][:, 0].tolist() == expected


@pytest.mark.parametrize(("name", "rate"), RATES.items())
def test_through_the_feature_file(tmp_path, name, rate):
    rng = np.random.default_rng(0)
    pcm = {key: rng.integers(-32768, 32768, size).astype(np.int16) for key, size in (("a", 900), ("b", 1), ("c", 4000))}
    write_audio(tmp_path / f"{name}.h5", "mine", rate, list(pcm.items()))
    made = find_extractor("waveform")(WaveformParams(sample_rate=rate))
    extract(made, audio_file(tmp_path, rate), tmp_path / "out.h5", "mine")
    file = FeatureFile(tmp_path / "out.h5")
    assert (file.header.frame_rate, file.header.first_frame, file.keys) == (rate, 0, list(pcm))
    for i, samples in enumerate(pcm.values()):
        np.testing.assert_array_equal(file.row(i)[:, 0], samples)
        assert file.row(i).dtype == np.int16
