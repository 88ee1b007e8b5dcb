"""Utterances too long to be held in memory: the same features as of the whole, to rounding, at the same places."""

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.audio.audio_file import write_audio
from pipeline.audio.samples import to_pcm16
from pipeline.errors import UserError
from pipeline.extraction import computation, extraction, long_wave
from pipeline.extraction.extraction import extract
from pipeline.extraction.long_wave import LongWave
from pipeline.features import find_extractor, lpcc, mfcc, spectrum, waveform
from pipeline.features.prosody import extractor as prosody
from pipeline.features.prosody import long
from pipeline.storage import mapped
from pipeline.storage.feature_file import FeatureFile

SECONDS = 9


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    """An audio file with nine seconds of voiced and unvoiced sounds with pauses, and one second of it."""
    rate, rng = 16000, np.random.default_rng(0)
    t = np.arange(SECONDS * rate) / rate
    phase = np.cumsum(130 + 50 * np.sin(2 * np.pi * 0.7 * t)) / rate
    voiced = np.sin(2 * np.pi * 1.3 * t) > -0.2
    wave = voiced * sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 9)) + 0.02 * rng.standard_normal(len(t))
    pcm = to_pcm16(0.1 + 0.2 * wave * (np.sin(2 * np.pi * 0.3 * t) > -0.8))
    path = tmp_path_factory.mktemp("long") / "audio.h5"
    write_audio(path, "mine", rate, [("all", pcm), ("some", pcm[:rate])])
    return FeatureFile(path)


CASES = [
    ("mfcc", {"n_mfcc": 13, "hop_length": 160, "n_fft": 400, "n_mels": 40}),
    ("mfcc", {"energy": True, "deltas": 2, "pre_emphasis": 0.97, "top_db": None, "n_mels": 40}),
    ("mfcc", {"center": False, "pre_emphasis": 0.9, "n_mels": 40, "clip": 7.77}),
    ("logmel", {"hop_length": 160, "n_fft": 400, "n_mels": 40}),
    ("mfcc", {"deltas": 1, "n_fft": 400, "hop_length": 160, "n_mels": 40}),
    ("logmel", {"resize": 50, "n_mels": 40}),
    ("logmel", {"resize": 400, "n_mels": 40}),
    ("stft", {"n_fft": 256}),
    ("stft", {"n_fft": 256, "center": False, "top_db": None, "power": 1.0}),
    ("lpcc", {}),
    ("lpcc", {"center": False, "pre_emphasis": 0.0, "win_length": 320}),
    ("waveform", {}),
    ("prosody", {}),
    ("prosody", {"mode": "compat"}),
    ("ssl", {"model": "tiny", "layers": [1], "chunk_seconds": 8.0}),
    ("ssl", {"model": "tiny", "layers": [0, 2], "chunk_seconds": 5.0}),
    ("ssl", {"model": "tiny", "layers": [0, 2], "pool": "mean_std", "chunk_seconds": 5.0}),
]


@pytest.mark.parametrize(("name", "params"), CASES)
def test_a_long_utterance_has_the_features_of_a_short_one(audio, tmp_path, monkeypatch, name, params):
    Extractor = find_extractor(name)
    extractor = Extractor(Extractor.Params(**params))
    extract(extractor, audio, tmp_path / "whole.h5", "mine")
    for module in (computation, extraction, long_wave):
        monkeypatch.setattr(module, "LONG", 40000)
    monkeypatch.setattr(spectrum, "SEGMENT", 7000)
    monkeypatch.setattr(mfcc, "BLOCK", 90)
    monkeypatch.setattr(lpcc, "WINDOWED", 1 << 15)
    monkeypatch.setattr(waveform, "BLOCK", 10007)
    monkeypatch.setattr(mapped, "BLOCK_BYTES", 1 << 12)
    monkeypatch.setattr(long, "PART", 70)
    monkeypatch.setattr(long, "BLOCK", 9000)
    extract(extractor, audio, tmp_path / "parts.h5", "mine")
    whole, parts = FeatureFile(tmp_path / "whole.h5"), FeatureFile(tmp_path / "parts.h5")
    assert list(whole.streams) == list(parts.streams)
    for stream, values in whole.streams.items():
        np.testing.assert_allclose(parts.streams[stream], values, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(parts.digests, whole.digests)
    assert extract(extractor, audio, tmp_path / "parts.h5", "mine").reused == 2


def test_slices_of_a_long_wave(audio):
    wave, whole = LongWave(audio, 0, 100000), audio.row(0)[:100000, 0] / np.float32(32768)
    assert len(wave) == 100000
    for part in (slice(0, 5), slice(99990, 200000), slice(70, 60), slice(None, 3), slice(5, 5)):
        np.testing.assert_array_equal(wave[part], whole[part])


def test_praat_takes_half_an_hour_at_most(audio, tmp_path, monkeypatch):
    monkeypatch.setattr(prosody, "PRAAT_SECONDS", 5)
    monkeypatch.setattr(computation, "LONG", 40000)
    extractor = prosody.Prosody(prosody.ProsodyParams(mode="compat"))
    work = SimpleNamespace(extractor=extractor, audio=audio, batches={0: [0]}, folder=tmp_path)
    with pytest.raises(UserError, match=r"^all: prosody: is 9 s long, and Praat, .*; set clip, or take mode clean$"):
        computation._results(work, 0, computation._waves(work, 0))
