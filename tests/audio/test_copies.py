"""Copies for training parts: noise at the level asked for, other speeds and pitches, keys that lead to the source."""

import numpy as np
import pytest
from conftest import tone
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.audio_file import write_audio
from pipeline.audio.copies import CopiesParams, add_noise, change_speed, make_copies, shift_pitch
from pipeline.audio.keys import source_key
from pipeline.audio.samples import RATES, resample, to_float, to_pcm16
from pipeline.errors import ParamsError
from pipeline.storage.feature_file import FeatureFile
from pipeline.strict import validate

TWO = {"sad/a": tone(0.3, 440, 48000, 0.1), "sad/c": tone(0.2, 200, 48000, 0.1)}


@pytest.mark.parametrize("snr", [-5, 0, 10, 20, 40])
@pytest.mark.parametrize("amplitude", [0.5, 0.01])
def test_noise_has_the_level_asked_for(snr, amplitude):
    wave = tone(1.0, amplitude=amplitude).astype(np.float32)
    added = add_noise(wave, snr, np.random.default_rng(0)).astype(np.float64) - wave
    assert 10 * np.log10(np.mean(wave.astype(np.float64) ** 2) / np.mean(added**2)) == pytest.approx(snr, abs=0.2)


def test_noise_is_white():
    added = add_noise(np.ones(1 << 15, np.float32), 0, np.random.default_rng(0)) - 1
    power = np.abs(np.fft.rfft(added)) ** 2
    bands = power[1:].reshape(8, -1).mean(axis=1)
    assert bands.max() / bands.min() < 1.2
    assert abs(added.mean()) < 0.03


def test_noise_follows_its_seed():
    wave = tone().astype(np.float32)
    first, same, other = (add_noise(wave, 10, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


@pytest.mark.parametrize("samples", [0, 100])
def test_silence_stays_silent(samples):
    noisy = add_noise(np.zeros(samples, np.float32), 10, np.random.default_rng(0))
    np.testing.assert_array_equal(noisy, np.zeros(samples))


@pytest.fixture
def copies(tmp_path):
    """Copies of recordings at 48 kHz (key -> samples), at both rates."""

    def copies(recordings, seed=0, out="copies", **params):
        rows = [(key, to_pcm16(samples)) for key, samples in recordings.items()]
        write_audio(tmp_path / "48k.h5", "mine", 48000, rows)
        chosen = CopiesParams(source="mine", **(params or {"snr": [10, 2.5]}))
        files = {tmp_path / out / f"{name}.h5": rate for name, rate in RATES.items()}
        make_copies(FeatureFile(tmp_path / "48k.h5"), chosen, files, "copies", seed)
        return FeatureFile(tmp_path / out / "16k.h5"), FeatureFile(tmp_path / out / "48k.h5")

    return copies


def test_noisy_copies_have_their_level_in_their_key(copies):
    for file in copies(TWO):
        assert file.keys == ["sad/a@10dB", "sad/a@2.5dB", "sad/c@10dB", "sad/c@2.5dB"]
        assert [source_key(key) for key in file.keys] == ["sad/a", "sad/a", "sad/c", "sad/c"]
        assert (file.header.corpus, file.header.params["snr"], file.header.params["seed"]) == ("copies", [10.0, 2.5], 0)


@pytest.mark.parametrize("key", ["plain", "me@home", "a@10", "a@b/c", "a@xdB", "a@1.x.wav", "box", "st"])
def test_source_key_of_what_is_no_copy(key):
    assert source_key(key) == key


def test_noisy_copies_have_the_level_they_say(copies):
    _, at_48k = copies(TWO)
    for i, snr in enumerate((10, 2.5, 10, 2.5)):
        clean = TWO[source_key(at_48k.keys[i])]
        added = to_float(at_48k.row(i)) - clean
        assert 10 * np.log10(np.mean(clean**2) / np.mean(added**2)) == pytest.approx(snr, abs=0.2)


def test_the_16_khz_copy_has_the_48_khz_copys_noise(copies):
    at_16k, at_48k = copies(TWO)
    for i in range(4):
        derived = resample(to_float(at_48k.row(i)).astype(np.float64), 48000, 16000)
        np.testing.assert_allclose(to_float(at_16k.row(i)), derived, atol=4 / 32768)


def test_every_copy_has_its_own_noise(copies):
    same = tone(0.2, rate=48000)
    _, file = copies({"sad/a": same, "sad/b": same}, snr=[10, 11])
    added = [to_float(file.row(i)) - same for i in range(4)]
    correlation = np.corrcoef(added) - np.eye(4)
    assert np.abs(correlation).max() < 0.1


def test_more_utterances_or_levels_change_no_other_copy(copies):
    _, few = copies(TWO, out="few")
    _, many = copies({**TWO, "sad/b": tone(0.1, rate=48000)}, out="many", snr=[20, 10, 2.5])
    for i, key in enumerate(few.keys):
        np.testing.assert_array_equal(few.row(i), many.row(many.index([key])[0]))


def test_noisy_copies_repeat_to_the_byte_and_follow_the_seed(copies, tmp_path):
    for out, seed in (("one", 0), ("two", 0), ("other", 1)):
        copies(TWO, seed=seed, out=out)
    for name in ("16k.h5", "48k.h5"):
        one, two, other = ((tmp_path / out / name).read_bytes() for out in ("one", "two", "other"))
        assert one == two
        assert one != other
    rows = [FeatureFile(tmp_path / out / "48k.h5").row(0) for out in ("one", "other")]
    assert (rows[0] != rows[1]).any()


# Speed and pitch


def peak(wave, rate):
    """The strongest frequency (Hz)."""
    return np.abs(np.fft.rfft(wave * np.hanning(len(wave)))).argmax() * rate / len(wave)


@pytest.mark.parametrize("speed", [0.9, 1.1, 2.0])
def test_speed_changes_length_and_pitch_together(speed):
    wave = change_speed(tone(1.0, 440, 48000), speed)
    assert len(wave) == pytest.approx(48000 / speed, abs=2)
    assert peak(wave, 48000) == pytest.approx(440 * speed, rel=0.005)


@pytest.mark.parametrize("semitones", [-3, 2, 12])
def test_a_shift_changes_the_pitch_and_not_the_length(semitones):
    wave = shift_pitch(tone(1.0, 440, 48000), 48000, semitones)
    assert len(wave) == 48000
    assert peak(wave, 48000) == pytest.approx(440 * 2 ** (semitones / 12), rel=0.01)


def test_copies_of_every_kind_lead_back_to_their_source(copies):
    at_16k, at_48k = copies(TWO, snr=[10], speed=[0.9, 1.1], semitones=[2, -1.5])
    wanted = ["@10dB", "@0.9x", "@1.1x", "@+2st", "@-1.5st"]
    assert at_16k.keys == at_48k.keys == [key + suffix for key in TWO for suffix in wanted]
    assert [source_key(key) for key in at_16k.keys] == [key for key in TWO for _ in wanted]
    assert at_48k.lengths[1] == pytest.approx(14400 / 0.9, abs=2)
    assert at_48k.lengths[3] == 14400


@given(
    st.sampled_from(["snr", "speed", "semitones"]),
    st.floats(0.25, 4, allow_nan=False, width=16).filter(lambda x: x > 0),
)
def test_every_key_that_is_made_is_recognised(kind, value):
    from pipeline.audio.copies import copies_of

    params = CopiesParams(source="mine", **{kind: [value]})
    ((suffix, _),) = copies_of(np.zeros(0, np.float32), "a", params, 0)
    assert source_key(f"take@2/{suffix}@{suffix}") == f"take@2/{suffix}"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "has none of snr, speed and semitones"),
        ({"snr": [10, 10.0]}, "snr has a value twice"),
        ({"speed": [0]}, "speed must lie between 0.25 and 4"),
        ({"semitones": [0]}, "semitones must be up to 24"),
        ({"semitones": [30]}, "semitones must be up to 24"),
    ],
)
def test_copies_that_cannot_be(values, message):
    with pytest.raises(ParamsError, match=message):
        validate(CopiesParams, {"source": "mine", **values}, "copies.mine")
