"""Samples in memory and recordings' files, as the clips that a model is asked about."""

import io
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import tone

from pipeline.audio.decoding import BLOCK_VALUES
from pipeline.errors import DataError, ParamsError, UserError
from pipeline.serving.samples import Sound, opened_sound
from pipeline.serving.windows import Windows, whole

RATES = (16000, 48000)


def clip(recording, rate=None, rates=RATES):
    with opened_sound(recording, rate) as sound:
        return whole(sound, rates)


def cut(recording, rate, window, hop, rates=RATES):
    with opened_sound(recording, rate) as sound:
        return list(Windows(window, hop).cut(sound, rates))


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize(
    ("subtype", "dtype"), [("PCM_16", "int16"), ("PCM_24", "float64"), ("PCM_24", "int32"), ("FLOAT", "float32")]
)
def test_a_file_and_its_samples_are_the_same_clip(tmp_path, rate, subtype, dtype):
    stereo = np.stack([tone(0.7, 300, rate), tone(0.7, 555, rate, 0.3)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, rate, subtype)
    samples, _ = soundfile.read(tmp_path / "a.wav", dtype=dtype)
    known = clip(tmp_path / "a.wav")
    for given in (samples, samples.T, np.asfortranarray(samples)):
        again = clip(given, rate)
        assert (again.start, again.end) == (known.start, known.end)
        for each in RATES:
            np.testing.assert_array_equal(again.samples[each], known.samples[each])


def test_samples_of_several_blocks_are_those_of_the_file(tmp_path):
    noise = np.random.default_rng(0).uniform(-1, 1, BLOCK_VALUES + 12345)
    soundfile.write(tmp_path / "a.wav", noise, 44100, "DOUBLE")
    np.testing.assert_array_equal(clip(noise, 44100).samples[16000], clip(tmp_path / "a.wav").samples[16000])


def test_windows_are_parts_of_the_whole_and_the_last_ends_with_it():
    noise = np.random.default_rng(0).uniform(-1, 1, 44100 * 5 + 77)
    every, parts = clip(noise, 44100), cut(noise, 44100, window=1.0, hop=0.4)
    starts = [part.start for part in parts]
    np.testing.assert_allclose(starts[:-1], 0.4 * np.arange(len(parts) - 1))
    assert parts[-1].end == every.end
    for part in parts:
        assert part.end - part.start == pytest.approx(1.0, abs=1e-4)
        for rate in RATES:
            first = round(part.start * 16000) * rate // 16000
            np.testing.assert_array_equal(part.samples[rate], every.samples[rate][first : first + rate])


@pytest.mark.parametrize(
    ("seconds", "window", "hop", "spans"),
    [
        (0.5, 1, 1, [(0, 0.5)]),
        (1.0, 1, 1, [(0, 1)]),
        (2.0, 1, 1, [(0, 1), (1, 2)]),
        (2.5, 1, 1, [(0, 1), (1, 2), (1.5, 2.5)]),
        (2.5, 0.5, 2, [(0, 0.5), (2, 2.5)]),
        (3.0, 0.5, 2, [(0, 0.5), (2, 2.5), (2.5, 3)]),
    ],
)
def test_where_windows_are(seconds, window, hop, spans):
    parts = cut(np.zeros(round(16000 * seconds)), 16000, window, hop)
    assert [(part.start, part.end) for part in parts] == spans


def test_a_recording_of_hours_takes_the_memory_of_a_window():
    def blocks():
        for _ in range(2 * 3600):
            yield np.zeros(16000)

    tracemalloc.start()
    parts = sum(1 for _ in Windows(3.0, 1.0).cut(Sound("hours", 16000, blocks()), (16000,)))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert parts == 2 * 3600 - 2
    assert most < 4e6


def test_more_than_ten_minutes_are_predicted_in_windows_only():
    with pytest.raises(UserError, match=r"recording: is longer than 10 minutes; predict it in windows"):
        clip(np.zeros(16000 * 601, np.float32), 16000, (16000,))


@pytest.mark.parametrize(
    ("samples", "rate", "says"),
    [
        (np.zeros(9), None, "sampling_rate: is missing; samples need their rate in Hz, as 16000"),
        (np.zeros(9), "16k", "sampling_rate: should be a whole number of Hz, as 16000; it is '16k'"),
        (np.zeros(9), True, "sampling_rate: should be a whole number"),
        (np.zeros(9), 16000.5, "sampling_rate: should be a whole number"),
        (np.zeros(9), math.nan, "sampling_rate: should be a whole number"),
        (np.zeros(9), math.inf, "sampling_rate: should be a whole number"),
        (np.zeros(9), 1000, "sampling_rate: 1000 Hz is not between 4000 and 768000"),
        (np.zeros(0), 16000, "recording: holds no samples"),
        (np.zeros((2, 0)), 16000, "recording: holds no samples"),
        (np.zeros((1, 2, 3)), 16000, r"recording: has the shape \(1, 2, 3\); give"),
        (np.zeros((40, 50)), 16000, "of which neither can be told to be channels"),
        (np.zeros((2, 2)), 16000, "of which neither can be told to be channels"),
        (np.zeros(9, np.int64), 16000, r"samples are int64; give floats in \[-1, 1\], int16, or int32"),
        (np.full(9, -32768, np.int32), 16000, "int32 up to 32768, as samples of 16 bits have; give them as int16"),
        (np.zeros(9, np.uint8), 16000, "samples are uint8"),
        (np.zeros(9, complex), 16000, "samples are complex128"),
        (np.array(["a"]), 16000, "is of the type ndarray; give the path of one file"),
        (["a.wav", "b.wav"], None, "is of the type list; give the path of one file, or an array of samples"),
        ([Path("a.wav")], None, "is of the type list; give the path of one file"),
        (None, 16000, "is of the type NoneType; give the path of one file, or an array of samples"),
        (io.BytesIO(b"RIFF"), None, "is of the type BytesIO; give the path of one file"),
        (b"RIFF", None, "is of the type bytes; give the path of one file"),
        ([[0.1], [0.1, 0.2]], 16000, "is no array; give one recording at a time"),
        (np.array([0.0, np.nan]), 16000, "holds samples that are no numbers"),
        (np.full(9, 12000.0), 16000, "holds samples up to 12000, and full scale is 1; rescale it"),
        (np.zeros(1), 768000, "is too short; it has no sample at 16000 Hz"),
    ],
)
def test_what_are_no_samples(samples, rate, says):
    with pytest.raises(DataError, match=says):
        clip(samples, rate)


def test_a_file_says_its_own_rate(tmp_path):
    with pytest.raises(DataError, match="a file says its own sampling rate; leave sampling_rate out"):
        clip(tmp_path / "a.wav", 16000)
    for name in ("nothing.wav", "x" * 5000):
        with pytest.raises(UserError, match=rf"{name}: no such file$"):
            clip(tmp_path / name)


@pytest.mark.parametrize(
    ("window", "hop", "says"),
    [(0.0, 1.0, "window: 0.0 s is not between 0.1 and 600"), (601, 1, "window: 601 s"), (1.0, 0.0, "hop: 0.0 s is not"),
     (math.nan, 1.0, "window: nan s"), (1.0, math.inf, "hop: inf s")],
)  # fmt: skip
def test_windows_that_cannot_be(window, hop, says):
    with pytest.raises(ParamsError, match=says):
        Windows(window, hop)
