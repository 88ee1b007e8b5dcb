"""Frames to seconds, and one feature's frames at the times of another's."""

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.audio_file import write_audio
from pipeline.errors import UserError
from pipeline.extraction.extraction import extract
from pipeline.features.alignment import align, align_utterance, frame_times, pad_rows, utterance_times, valid_mask
from pipeline.features.length import fit
from pipeline.features.logmel import LogMel, LogMelParams
from pipeline.features.lpcc import LPCC, LPCCParams
from pipeline.features.mfcc import MFCC, MFCCParams
from pipeline.features.prosody.extractor import Prosody, ProsodyParams
from pipeline.features.spectrum import SpectrumParams
from pipeline.features.stft import STFT
from pipeline.features.waveform import Waveform, WaveformParams
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.feature_writer import FeatureWriter
from pipeline.storage.header import Header, Outline

many = drawn(50)


def feature_file(path, frame_rate, first_frame, lengths, **streams):
    """A feature file of utterances `a`, `b`, ... with these frames."""
    keys = [chr(ord("a") + i) for i in range(len(lengths))]
    digests = np.zeros((len(keys), 32), np.uint8)
    dims = {name: values.shape[1] for name, values in streams.items()}
    dtypes = {name: values.dtype for name, values in streams.items()}
    header = Header("toy", "1", {}, frame_rate, "mine", first_frame=first_frame)
    outline = Outline(header, keys, digests, dims, dtypes)
    with FeatureWriter(path, outline, np.array(lengths, np.int64)) as writer:
        for i, (start, stop) in enumerate(zip(writer.offsets[:-1], writer.offsets[1:], strict=True)):
            for name, values in streams.items():
                writer.put(i, name, values[start:stop])
    return FeatureFile(path)


# --- frames to seconds ---


def test_times_of_frames():
    np.testing.assert_allclose(frame_times(4, 50.0), [0, 0.02, 0.04, 0.06])
    np.testing.assert_allclose(frame_times(3, 100.0, 0.0125), [0.0125, 0.0225, 0.0325])
    assert frame_times(0, 50.0).shape == (0,)


@pytest.mark.parametrize("frame_rate", [0.0, -1.0, float("nan")])
def test_features_without_a_frame_rate_have_no_times(frame_rate):
    with pytest.raises(ValueError, match="have no frame times"):
        frame_times(3, frame_rate)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda **options: LogMel(LogMelParams(**options, n_mels=20, top_db=None)),
        lambda **options: STFT(SpectrumParams(**options, top_db=None)),
        lambda **options: MFCC(MFCCParams(**options, n_mels=20, n_mfcc=2, energy=True, top_db=None)),
    ],
    ids=["logmel", "stft", "mfcc"],
)
def test_a_click_is_loudest_in_the_frame_nearest_to_it(make, center):
    """The frame times are true: a click at a frame's time is in the middle of its window, where that is highest."""
    extractor = make(n_fft=640, hop_length=320, center=center)
    for frame in (3, 7, 12):
        time = frame_times(20, extractor.frame_rate, extractor.first_frame)[frame]
        wave = np.zeros(8000, np.float32)
        wave[round(time * 16000)] = 0.5
        (streams,) = extractor.extract([wave])
        loud = streams["values"][:, -1]
        assert loud[frame] == loud.max()
        assert loud[frame] > loud[[frame - 2, frame + 2]].max()


def test_a_resonance_begins_in_lpcc_where_it_does_in_the_wave():
    rng = np.random.default_rng(0)
    wave = (0.1 * rng.standard_normal(16000)).astype(np.float32)
    wave[8000:] = np.convolve(wave, np.cos(np.arange(60) / 3) * 0.95 ** np.arange(60))[8000:16000]
    for center in (True, False):
        extractor = LPCC(LPCCParams(center=center))
        (streams,) = extractor.extract([wave])
        times = frame_times(len(streams["values"]), extractor.frame_rate, extractor.first_frame)
        steps = np.linalg.norm(streams["values"] - streams["values"][times < 0.45].mean(axis=0), axis=1)
        assert times[steps > 0.5][0] == pytest.approx(0.5, abs=0.0126)


# --- alignment ---

STEPS = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)
TIMES = np.array([0.0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("target", "nearest", "linear"),
    [
        (0.1, 1, 1),
        (0.149, 1, 1.49),
        (0.151, 2, 1.51),
        (0.15, 1, 1.5),
        (-5.0, 0, 0),
        (5.0, 3, 3),
    ],
)
def test_values_at_other_times(target, nearest, linear):
    assert align(STEPS, TIMES, np.array([target])) == pytest.approx(nearest)
    assert align(STEPS, TIMES, np.array([target]), "linear") == pytest.approx(linear)


@many
@given(st.integers(1, 40), st.integers(0, 60), st.sampled_from([31.25, 50.0, 100.0, 93.75]), st.floats(0, 0.1))
def test_linear_is_numpys_interpolation_and_nearest_the_nearest(frames, targets, rate, first):
    values = np.random.default_rng(frames).standard_normal((frames, 3)).astype(np.float32)
    times, wanted = frame_times(frames, 50.0, 0.0125), frame_times(targets, rate, first)
    found = align(values, times, wanted, "linear")
    assert (found.shape, found.dtype) == ((targets, 3), np.float32)
    for column in range(3):
        np.testing.assert_allclose(found[:, column], np.interp(wanted, times, values[:, column]), atol=1e-6)
    places = [int(np.argmin(np.abs(times - time) > np.abs(times - time).min() + 1e-12)) for time in wanted]
    np.testing.assert_array_equal(align(values, times, wanted), values[places])


@many
@given(st.integers(1, 30))
def test_frames_at_their_own_times_are_themselves(frames):
    values = np.random.default_rng(frames).standard_normal((frames, 2)).astype(np.float32)
    times = frame_times(frames, 31.25, 0.064)
    np.testing.assert_array_equal(align(values, times, times), values)
    np.testing.assert_allclose(align(values, times, times, "linear"), values, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.int16, np.float32, np.float64])
def test_number_formats(dtype):
    values = np.array([[0], [2]], dtype)
    times = np.array([0.0, 1.0])
    assert align(values, times, times).dtype == dtype
    found = align(values, times, np.array([0.25]), "linear")
    assert found.dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert found == 0.5


@pytest.mark.parametrize(
    ("values", "times", "how", "message"),
    [
        (np.zeros((0, 2)), np.zeros(0), "nearest", r"\(0, 2\) values and \(0,\) times"),
        (np.zeros(3), np.arange(3.0), "nearest", r"expected \(frames, dims\)"),
        (np.zeros((3, 2)), np.arange(2.0), "linear", r"\(3, 2\) values and \(2,\) times"),
        (np.zeros((3, 2)), np.array([0.0, 2.0, 1.0]), "nearest", "must ascend"),
        (np.zeros((3, 2)), np.array([0.0, 1.0, 1.0]), "nearest", "must ascend"),
        (np.zeros((3, 2)), np.arange(3.0), "cubic", "known: nearest, linear"),
    ],
)
def test_what_cannot_be_aligned(values, times, how, message):
    with pytest.raises(ValueError, match=message):
        align(values, times, np.zeros(1), how)


# --- feature files ---


def test_streams_of_two_files_are_aligned(tmp_path):
    fast = feature_file(tmp_path / "fast.h5", 100.0, 0.0, [6, 11], values=np.arange(17, dtype=np.float32)[:, None])
    slow = feature_file(
        tmp_path / "slow.h5", 50.0, 0.01, [2, 5], layer_01=np.array([[0, 10, 20, 30, 40, 50, 60]], np.float16).T
    )
    np.testing.assert_allclose(utterance_times("b", slow), [0.01, 0.03, 0.05, 0.07, 0.09])
    np.testing.assert_array_equal(align_utterance("b", fast, slow)[:, 0], [7, 9, 11, 13, 15])
    found = align_utterance("b", slow, fast, "layer_01", "linear")[:, 0]
    np.testing.assert_allclose(found, [20, 20, 25, 30, 35, 40, 45, 50, 55, 60, 60], atol=1e-4)
    assert align_utterance("a", slow, fast, "layer_01").dtype == np.float16


def test_what_the_files_cannot_give(tmp_path):
    framed = feature_file(tmp_path / "framed.h5", 100.0, 0.0, [3], values=np.zeros((3, 1)))
    more = feature_file(tmp_path / "more.h5", 100.0, 0.0, [1, 1], values=np.zeros((2, 1)))
    whole = feature_file(tmp_path / "whole.h5", 0.0, 0.0, [1], values=np.zeros((1, 1)))
    with pytest.raises(ValueError, match=r"framed\.h5: has no stream 'layer_01'; it has values"):
        align_utterance("a", framed, framed, "layer_01")
    with pytest.raises(ValueError, match=r"whole\.h5: frame_rate is 0 Hz"):
        align_utterance("a", framed, whole)
    with pytest.raises(UserError, match=r"framed\.h5: has no utterance 'b'"):
        align_utterance("b", more, framed)


@pytest.mark.parametrize(
    ("extractor", "frame_rate", "first_frame"),
    [
        (MFCC(MFCCParams(n_fft=640, hop_length=320, center=False, n_mels=20)), 50.0, 0.02),
        (LogMel(LogMelParams(hop_length=320, n_mels=20)), 50.0, 0.0),
        (LogMel(LogMelParams(resize=7, n_mels=20)), 0.0, 0.0),
        (Prosody(ProsodyParams()), 0.0, 0.0),
        (Waveform(WaveformParams()), 16000.0, 0.0),
    ],
    ids=["mfcc", "logmel", "resized", "prosody", "waveform"],
)
def test_extraction_writes_where_the_first_frame_is(tmp_path, extractor, frame_rate, first_frame):
    samples = np.random.default_rng(0).integers(-9999, 9999, 4000).astype(np.int16)
    write_audio(tmp_path / "16k.h5", "mine", 16000, [("a", samples)])
    extract(extractor, FeatureFile(tmp_path / "16k.h5"), tmp_path / "out.h5", "mine")
    header = FeatureFile(tmp_path / "out.h5").header
    assert (header.frame_rate, header.first_frame) == (frame_rate, first_frame)


# --- masks ---


@given(st.lists(st.integers(0, 9), max_size=6))
def test_valid_mask(lengths):
    mask = valid_mask(lengths)
    assert (mask.shape, mask.dtype) == ((len(lengths), max(lengths, default=0)), bool)
    assert mask.sum(axis=1).tolist() == lengths
    for row, length in zip(mask, lengths, strict=True):
        assert row[:length].all()


def test_padded_rows_come_with_their_mask():
    rows = [np.full((n, 2), n, np.float16) for n in (3, 1, 0)]
    padded, mask = pad_rows(rows)
    assert (padded.shape, padded.dtype) == ((3, 3, 2), np.float16)
    assert mask.tolist() == [[True, True, True], [True, False, False], [False, False, False]]
    for row, values, valid in zip(rows, padded, mask, strict=True):
        np.testing.assert_array_equal(values[valid], row)
        assert not values[~valid].any()


def test_rows_that_cannot_be_one_batch():
    with pytest.raises(ValueError, match="no rows"):
        pad_rows([])
    with pytest.raises(ValueError, match=r"\[2, 3\] dims"):
        pad_rows([np.zeros((1, 2)), np.zeros((1, 3))])


@pytest.mark.parametrize(("pad", "expected"), [("zero", 16000), ("repeat", 18000)])
def test_the_frames_of_padding_have_times_too(pad, expected):
    params = WaveformParams(pad_to=1.0, pad=pad)
    wave = fit(np.ones(6000, np.float32), params)
    assert len(frame_times(Waveform(params).frames(len(wave)), 16000.0)) == expected
