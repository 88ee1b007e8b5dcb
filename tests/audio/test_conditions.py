"""Test conditions: noise at its level, what a telephone passes, MP3 that is aligned and the same on every run."""

import numpy as np
import pytest
from conftest import tone

from pipeline.audio.audio_file import write_audio
from pipeline.audio.conditions import ConditionParams, alter, as_mp3, at_rate, band_pass, make_condition
from pipeline.audio.samples import RATES, resample, to_pcm16
from pipeline.errors import ParamsError
from pipeline.storage.feature_file import FeatureFile
from pipeline.strict import validate

RATE = 48000


def speechlike(seconds=1.0, seed=0):
    """Noise that falls with frequency."""
    noise = np.random.default_rng(seed).standard_normal(int(seconds * RATE))
    spectrum = np.fft.rfft(noise) / (1 + np.arange(len(noise) // 2 + 1) / 500)
    wave = np.fft.irfft(spectrum, len(noise))
    return 0.2 * wave / np.abs(wave).max()


def level(wave):
    """dB, without the ends, where a filter begins and ends."""
    return 10 * np.log10(np.mean(wave[4800:-4800] ** 2))


def alike(first, second):
    return np.corrcoef(first[4800:-4800], second[4800:-4800])[0, 1]


@pytest.mark.parametrize("snr", [20, 10, 0])
def test_noise_has_the_level_asked_for_and_is_each_recordings_own(snr):
    wave, params = speechlike(), ConditionParams(snr=snr)
    noise = alter(wave, "a", params, 0) - wave
    heard, drowning = (resample(each, RATE, 16000) for each in (wave, noise))
    assert level(heard) - level(drowning) == pytest.approx(snr, abs=0.5)
    np.testing.assert_array_equal(alter(wave, "a", params, 0) - wave, noise)
    assert abs(alike(noise, alter(wave, "b", params, 0) - wave)) < 0.05
    assert abs(alike(noise, alter(wave, "a", params, 1) - wave)) < 0.05


@pytest.mark.parametrize(
    ("frequency", "gain"), [(150, -50), (250, -40), (300, -6), (400, 0), (1000, 0), (3300, 0), (3400, -6), (3550, -50)]
)
def test_a_telephone_passes_its_band(frequency, gain):
    wave = tone(1.0, frequency, RATE, 0.5)
    change = level(band_pass(wave, 300, 3400)) - level(wave)
    if gain > -10:
        assert change == pytest.approx(gain, abs=0.3)
    else:
        assert change < gain


def test_the_band_keeps_the_place_of_things():
    wave = np.zeros(RATE // 2)
    wave[10_000] = 1
    assert np.argmax(np.abs(band_pass(wave, 300, 3400))) == 10_000


def test_a_rate_takes_what_lies_above_half_of_it():
    low, high = tone(1.0, 1000, RATE, 0.5), tone(1.0, 5000, RATE, 0.5)
    assert alike(at_rate(low, 8000), low) > 0.9999
    assert level(at_rate(high, 8000)) < -80


@pytest.mark.parametrize("bit_rate", [8, 32, 64, 160])
def test_an_mp3_is_aligned_and_the_same_on_every_run(bit_rate):
    wave = at_rate(speechlike(), 8000)
    decoded = as_mp3(wave, bit_rate)
    assert len(decoded) == len(wave)
    np.testing.assert_array_equal(decoded, as_mp3(wave, bit_rate))
    assert alike(decoded, wave) > (0.5 if bit_rate == 8 else 0.98)


def test_fewer_bits_are_further_off():
    wave = at_rate(speechlike(), 16000)
    off = [level(as_mp3(wave, bit_rate) - wave) for bit_rate in (160, 64, 32, 16, 8)]
    assert off == sorted(off)


@pytest.mark.parametrize("samples", [0, 1, 100, 5000])
@pytest.mark.parametrize("params", [{"snr": 10}, {"band": [300, 3400], "rate": 8000}, {"mp3": 32}])
def test_short_recordings_keep_their_length(samples, params):
    assert len(alter(np.full(samples, 0.1), "a", ConditionParams(**params), 0)) == samples


def test_what_a_condition_does_is_done_in_order():
    wave = speechlike()
    both = alter(wave, "a", ConditionParams(snr=0, band=[300, 3400]), 0)
    np.testing.assert_array_equal(both, band_pass(alter(wave, "a", ConditionParams(snr=0), 0), 300, 3400))


def test_a_condition_of_a_corpus_has_its_keys_and_the_same_bytes(tmp_path):
    recordings = {"sad/a": speechlike(0.3), "sad/c": speechlike(0.2, 1), "empty": np.zeros(0)}
    write_audio(tmp_path / "48k.h5", "mine", RATE, [(key, to_pcm16(wave)) for key, wave in recordings.items()])
    clean, params = FeatureFile(tmp_path / "48k.h5"), ConditionParams(snr=10, mp3=32)
    written = []
    for run in ("one", "two"):
        files = {tmp_path / run / f"{name}.h5": rate for name, rate in RATES.items()}
        make_condition(clean, params, files, "mine/bad", 0)
        written.append([path.read_bytes() for path in files])
    assert written[0] == written[1]
    file = FeatureFile(tmp_path / "one/16k.h5")
    assert file.keys == ["sad/a", "sad/c", "empty"]
    assert len(file.row(0)) == len(recordings["sad/a"]) // 3
    assert (file.header.corpus, file.header.params["seed"]) == ("mine/bad", 0)
    assert file.header.params["condition"] == {"snr": 10.0, "mp3": 32}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "none of snr, band, rate and mp3"),
        ({"band": [300]}, "band"),
        ({"band": [3400, 300]}, "the lower one first"),
        ({"band": [0, 3400]}, "100 to 23900 Hz"),
        ({"mp3": 33}, "mp3"),
        ({"rate": 48000}, "rate"),
        ({"snrs": 10}, "did you mean 'snr'"),
        ({"snr": "10"}, "snr"),
    ],
)
def test_wrong_params_are_refused(wrong, says):
    with pytest.raises(ParamsError, match=says):
        validate(ConditionParams, wrong, "conditions.c")
