import os
import time
import weakref

import numpy as np
import pytest
import soundfile
from conftest import tone
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.audio import decoding
from pipeline.audio.audio_file import prepare_corpus, write_audio
from pipeline.audio.decoding import decode
from pipeline.audio.examination import examine
from pipeline.audio.samples import RATES, resample, to_float, to_pcm16
from pipeline.corpora import listing
from pipeline.corpora.base import CorpusParams
from pipeline.errors import UserError
from pipeline.features.base import FeatureParams
from pipeline.features.length import fit, fitted_length
from pipeline.jobs.executors import in_threads
from pipeline.storage.feature_file import FeatureFile


@pytest.fixture
def stage(tmp_path):
    """Write recordings (name -> samples, rate), run the audio stage on them, and open both of its files."""

    def stage(recordings, out="audio", **options):
        root = tmp_path / "corpus"
        for name, (samples, rate) in recordings.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(root / name, samples, rate, **options)
        rows = listing.read("mine", CorpusParams(reader="folder", root=root)).rows
        files = {tmp_path / out / f"{name}.h5": rate for name, rate in RATES.items()}
        prepare_corpus({row.key: root / row.wav for row in rows}, files, "mine")
        return FeatureFile(tmp_path / out / "16k.h5"), FeatureFile(tmp_path / out / "48k.h5")

    return stage


def noise(samples, seed=0):
    return np.random.default_rng(seed).integers(-32768, 32768, samples).astype(np.int16)


# Decoding


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_sixteen_bits_at_16_khz_come_through_as_they_are(stage, suffix):
    pcm = np.concatenate([noise(5000), np.array([-32768, 32767, 0, -1, 1], np.int16)])
    at_16k, _ = stage({f"sad/a.{suffix}": (pcm, 16000)})
    assert at_16k.row(0).dtype == np.int16
    np.testing.assert_array_equal(at_16k.row(0)[:, 0], pcm)


def test_sixteen_bits_at_48_khz_come_through_as_they_are(stage):
    _, at_48k = stage({"sad/a.wav": (noise(5000), 48000)})
    np.testing.assert_array_equal(at_48k.row(0)[:, 0], noise(5000))


def test_channels_are_averaged(stage):
    left, right = tone(frequency=300), tone(frequency=700, amplitude=0.3)
    at_16k, _ = stage({"sad/a.wav": (np.stack([left, right], axis=1), 16000)}, subtype="FLOAT")
    np.testing.assert_allclose(to_float(at_16k.row(0)), (left + right) / 2, atol=1 / 32768)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_other_sample_formats(tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", tone(), 16000, subtype=subtype)
    samples, rate = decode(tmp_path / "a.wav")
    assert rate == 16000
    np.testing.assert_allclose(samples, tone(), atol=1 / 64 if subtype == "PCM_U8" else 1e-6)


def test_samples_are_rounded_to_the_nearest():
    np.testing.assert_array_equal(to_pcm16(np.array([0.4, 0.6, -0.4, -0.6, 7.7]) / 32768), [0, 1, 0, -1, 8])


def test_too_loud_samples_are_clipped_not_wrapped():
    np.testing.assert_array_equal(to_pcm16(np.array([1.5, 1.0, -1.0, -1.5])), [32767, 32767, -32768, -32768])


@given(arrays(np.int16, st.integers(0, 50)))
def test_pcm_survives_floating_point(pcm):
    np.testing.assert_array_equal(to_pcm16(to_float(pcm).astype(np.float64)), pcm)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_a_sine_stays_a_sine(stage, rate):
    files = stage({"sad/a.wav": (tone(1.0, 1000, rate), rate)}, subtype="FLOAT")
    for file, target in zip(files, (16000, 48000), strict=True):
        wave = to_float(file.row(0))
        assert abs(len(wave) - target) <= 1
        middle = wave[target // 10 : -target // 10]
        spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 18))
        assert np.argmax(spectrum) * target / (1 << 18) == pytest.approx(1000, abs=0.5)
        assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.5, rel=0.01)


def test_resampling_does_not_alias():
    high = resample(tone(1.0, 15000, 48000), 48000, 16000)
    assert np.abs(high[1000:-1000]).max() < 1e-4


def test_equal_rates_change_nothing():
    np.testing.assert_array_equal(resample(tone(), 16000, 16000), tone())


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_recording_cut_short_is_an_error(tmp_path, suffix, share):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, to_float(noise(16000)) / 2, 16000)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(UserError) as caught:
        decode(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("size", [0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_that_was_written_to_a_pipe_is_whole(tmp_path, size):
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(1000), 16000)
    data = path.read_bytes()
    at = data.index(b"data") + 4
    path.write_bytes(data[:at] + size.to_bytes(4, "little") + data[at + 4 :])
    samples, _ = decode(path)
    np.testing.assert_array_equal(to_pcm16(samples), noise(1000))


def test_samples_that_are_no_numbers(tmp_path):
    soundfile.write(tmp_path / "a.wav", [0.0, np.nan, 0.5], 16000, subtype="FLOAT")
    with pytest.raises(UserError, match=r"a\.wav: holds samples that are no numbers"):
        decode(tmp_path / "a.wav")


def flac_of(path, samples, total, rate=16000):
    """Write a FLAC file whose header says `total` frames; 0 is for a length not known, as when written to a pipe."""
    soundfile.write(path, samples, rate)
    data = bytearray(path.read_bytes())
    fields = int.from_bytes(data[18:26], "big")  # of STREAMINFO; the last 36 bits are the number of frames
    data[18:26] = (fields >> 36 << 36 | total).to_bytes(8, "big")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("shape", [(1,), (20000,), (4096, 2), (30000, 2)])
def test_a_flac_that_does_not_say_its_length(tmp_path, shape, monkeypatch):
    monkeypatch.setattr(decoding, "BLOCK_VALUES", 8192)
    path = flac_of(tmp_path / "a.flac", noise(shape), 0)
    samples, rate = decode(path)
    assert rate == 16000
    np.testing.assert_array_equal(samples, (noise(shape).reshape(len(noise(shape)), -1) / 32768).mean(axis=1))
    measured = examine(path).measures
    assert (measured.frames, measured.rate, measured.channels) == (shape[0], 16000, shape[1] if shape[1:] else 1)


@pytest.mark.parametrize("total", [2**27, 2**35, 2**36 - 1])
def test_a_flac_that_says_far_more_than_it_holds(tmp_path, total):
    path = flac_of(tmp_path / "a.flac", noise(20000), total)
    for read in (decode, examine):
        with pytest.raises(UserError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_blocks_change_nothing(tmp_path, suffix, monkeypatch):
    soundfile.write(tmp_path / f"a.{suffix}", to_float(noise((30000, 2))).reshape(-1, 2) / 2, 44100)
    expected, _ = soundfile.read(tmp_path / f"a.{suffix}", always_2d=True)
    for values in (1 << 21, 7000, 60000):
        monkeypatch.setattr(decoding, "BLOCK_VALUES", values)
        samples, _ = decode(tmp_path / f"a.{suffix}")
        np.testing.assert_array_equal(samples, expected.mean(axis=1))


@pytest.mark.parametrize("samples", [[0.0, 100.0], [[0.1, 0.0], [0.0, -100.0]]])
def test_samples_on_another_scale(tmp_path, samples):
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    with pytest.raises(UserError, match=r"a\.wav: holds samples up to 100, and full scale is 1; rescale it$"):
        decode(tmp_path / "a.wav")


def test_samples_a_little_too_loud_are_taken(tmp_path):
    soundfile.write(tmp_path / "a.wav", [0.0, -7.9, 1.5], 16000, subtype="FLOAT")
    np.testing.assert_allclose(decode(tmp_path / "a.wav")[0], [0.0, -7.9, 1.5], rtol=1e-6)


def test_a_pipe_is_no_recording(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(UserError, match=r"a\.wav: is no regular file"):
        decode(tmp_path / "a.wav")


@pytest.mark.parametrize(("count", "rate"), [(1, 96000), (8, 768000)])
def test_a_recording_without_a_sample_at_one_of_the_rates(stage, tmp_path, count, rate):
    path = tmp_path / "corpus/sad/a.wav"
    path.parent.mkdir(parents=True)
    soundfile.write(path, noise(count), 16000)
    data = path.read_bytes()
    path.write_bytes(data[:24] + rate.to_bytes(4, "little") + data[28:])
    with pytest.raises(
        UserError, match=rf"sad/a\.wav: is too short \({count} samples at {rate} Hz are none at \d+ Hz\)"
    ):
        stage({})
    assert not list((tmp_path / "audio").glob("*.h5"))


def test_one_bad_recording_leaves_no_output(stage, tmp_path):
    stage({"sad/a.wav": (noise(100), 16000)})
    before = {path: path.read_bytes() for path in (tmp_path / "audio").iterdir()}
    soundfile.write(tmp_path / "corpus/sad/b.flac", noise(9000), 16000)
    (tmp_path / "corpus/sad/b.flac").write_bytes((tmp_path / "corpus/sad/b.flac").read_bytes()[:9000])
    with pytest.raises(UserError, match=r"sad/b\.flac"):
        prepare_corpus({"b": tmp_path / "corpus/sad/b.flac"}, {tmp_path / "audio/16k.h5": 16000}, "mine")
    assert {path: path.read_bytes() for path in (tmp_path / "audio").iterdir()} == before


def test_the_audio_stage_repeats_to_the_byte_with_any_number_of_workers(stage, tmp_path, monkeypatch):
    recordings = {"sad/a.wav": (noise(500), 44100), "happy/b.wav": (noise(300, 1), 8000)}
    recordings |= {f"calm/{i:02d}.wav": (noise(4000 - 200 * i, i), 22050) for i in range(12)}
    for workers in ("1", "1", "2", "7"):
        monkeypatch.setenv("SER_WORKERS", workers)
        stage(recordings, workers)
    for name in ("16k.h5", "48k.h5"):
        one, *others = ((tmp_path / workers / name).read_bytes() for workers in ("1", "2", "7"))
        assert others == [one, one]
    keys = FeatureFile(tmp_path / "7" / "16k.h5").keys
    assert keys == sorted(keys)


def test_audio_is_written_as_it_comes(tmp_path):
    """So that a corpus need not fit in memory."""
    waiting = []

    def rows():
        for i in range(50):
            waiting.append(weakref.ref(pcm := noise(2000, i)))
            assert sum(reference() is not None for reference in waiting) <= 2
            yield f"u{i}", pcm

    write_audio(tmp_path / "audio.h5", "mine", 16000, rows())
    file = FeatureFile(tmp_path / "audio.h5")
    np.testing.assert_array_equal(file.row(49)[:, 0], noise(2000, 49))
    assert [path.name for path in tmp_path.iterdir()] == ["audio.h5"]


def test_threads_are_few_and_run_little_ahead():
    begun, most, running = 0, 0, 0

    def task(i):
        nonlocal begun, running, most
        begun, running = begun + 1, running + 1
        most = max(most, running)
        time.sleep(0.002)
        running -= 1
        return i * i

    for i, found in enumerate(in_threads(task, range(40), 3)):
        assert found == i * i
        assert begun <= i + 6
    assert most == 3
    with pytest.raises(ZeroDivisionError):
        list(in_threads(lambda i: 1 // (i - 5), range(40), 3))


# Lengths

waves = arrays(np.float32, st.integers(0, 400), elements=st.floats(-1, 1, width=32))
seconds = st.none() | st.floats(0.0005, 0.02)


@given(waves, seconds, seconds, st.sampled_from(["zero", "repeat"]))
def test_fit(wave, clip, pad_to, pad):
    params = FeatureParams(clip=clip, pad_to=pad_to, pad=pad)
    fitted = fit(wave, params)
    assert len(fitted) == fitted_length(len(wave), params)
    longest = np.inf if clip is None else round(clip * 16000)
    shortest = 0 if pad_to is None else round(pad_to * 16000)
    assert fitted.dtype == np.float32
    assert len(fitted) <= longest
    assert len(fitted) >= min(shortest, longest)
    expected = np.resize(wave, len(fitted)) if pad == "repeat" and len(wave) else np.zeros(len(fitted))
    expected[: len(wave)] = wave[: len(fitted)]
    np.testing.assert_array_equal(fitted, expected)
    if pad == "zero" or not len(wave):
        assert len(fitted) == min(max(len(wave), shortest), longest)
    elif clip is None:
        assert len(fitted) % len(wave) == 0
        assert len(fitted) < max(shortest, 1) + len(wave)


def test_fit_by_hand():
    wave = np.array([1, 2, 3], np.float32)
    for params, expected in (
        ({}, [1, 2, 3]),
        ({"clip": 2 / 16000}, [1, 2]),
        ({"pad_to": 5 / 16000}, [1, 2, 3, 0, 0]),
        ({"pad_to": 5 / 16000, "pad": "repeat"}, [1, 2, 3, 1, 2, 3]),
        ({"pad_to": 6 / 16000, "pad": "repeat"}, [1, 2, 3, 1, 2, 3]),
        ({"pad_to": 5 / 16000, "clip": 5 / 16000, "pad": "repeat"}, [1, 2, 3, 1, 2]),
        ({"pad_to": 2 / 48000, "clip": 1, "sample_rate": 48000}, [1, 2, 3]),
    ):
        np.testing.assert_array_equal(fit(wave, FeatureParams(**params)), expected)
