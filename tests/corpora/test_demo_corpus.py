import hashlib
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.corpora import find_reader
from pipeline.corpora.base import CorpusParams
from pipeline.corpora.demo import parse
from pipeline.corpora.synthesis.script import EMOTIONS, SENTENCES, SPEAKERS
from pipeline.corpora.synthesis.speech import DemoParams, render, synthesise
from pipeline.errors import UserError

STEMS = [f"{language}_{voice}_sad_s01_t1" for language, voices in SPEAKERS.items() for voice in voices]

needs_espeak = pytest.mark.skipif(importlib.util.find_spec("espeakng_loader") is None, reason="needs the extra 'demo'")


def pitch(samples):
    """Median F0 (Hz) of the voiced 46 ms frames, by the highest autocorrelation peak between 60 and 400 Hz."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::512] * np.hanning(1024)
    frames = frames[(frames**2).mean(1) > 0.1 * (frames**2).mean(1).max()]
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 2048)) ** 2)[:, :1024]
    lags = 55 + correlation[:, 55:368].argmax(1)
    voiced = correlation[np.arange(len(lags)), lags] > 0.4 * correlation[:, 0]
    return np.median(22050 / lags[voiced])


def digest(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="module", params=["en", "de"])
def corpus(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    made = synthesise(root, DemoParams(language=request.param, sentences=3), seed=1)
    utterances = list(find_reader("demo").read(root, CorpusParams(reader="demo", root=root)))
    assert len(utterances) == made == 8 * 4 * 3
    return [(utterance, soundfile.read(root / utterance.wav)) for utterance in utterances]


@pytest.mark.slow
@needs_espeak
def test_same_bytes_in_any_order_at_any_time():
    forward = {stem: render(stem, 1.0, 3).tobytes() for stem in STEMS}
    time.sleep(1.1)  # eSpeak's own seed is the time in seconds
    backward = {stem: render(stem, 1.0, 3).tobytes() for stem in reversed(STEMS)}
    assert forward == backward
    assert len(set(forward.values())) == len(STEMS)


@pytest.mark.slow
@needs_espeak
def test_same_bytes_in_another_process_and_in_a_larger_corpus(tmp_path):
    small = DemoParams(voices=3, sentences=1)
    synthesise(tmp_path / "here", small, seed=5)
    code = (
        "import sys; from pathlib import Path; from pipeline.corpora.synthesis.speech import DemoParams, synthesise;"
        "synthesise(Path(sys.argv[1]), DemoParams(voices=4, sentences=2), seed=5)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "there")], check=True, cwd=root)
    here, there = digest(tmp_path / "here"), digest(tmp_path / "there")
    assert (len(here), len(there)) == (12, 32)
    assert here.items() <= there.items()


@needs_espeak
def test_seed_take_and_variation_change_the_sound():
    sounds = [
        render("en_f1_sad_s01_t1", 1.0, 1),
        render("en_f1_sad_s01_t1", 1.0, 2),
        render("en_f1_sad_s01_t2", 1.0, 1),
        render("en_f1_sad_s01_t1", 0.0, 1),
    ]
    assert len({sound.tobytes() for sound in sounds}) == 4


@pytest.mark.slow
@needs_espeak
def test_audio_is_sound(corpus):
    seconds = []
    for utterance, (samples, rate) in corpus:
        assert (rate, samples.ndim) == (22050, 1)
        assert 0.02 < np.abs(samples).max() < 0.95, utterance.key
        seconds.append(len(samples) / rate)
    assert min(seconds) > 0.8
    assert max(seconds) < 6
    assert 1.5 < np.median(seconds) < 3.5


@pytest.mark.slow
@needs_espeak
def test_emotions_and_speakers_differ_as_intended(corpus):
    def mean(measure, **wanted):
        chosen = [x for u, (x, _) in corpus if all(getattr(u, key) == value for key, value in wanted.items())]
        assert chosen
        return np.mean([measure(samples) for samples in chosen])

    def loudness(samples):
        return 20 * np.log10(samples.std())

    assert mean(loudness, raw_emotion="angry") > mean(loudness, raw_emotion="neutral") + 2
    assert mean(loudness, raw_emotion="neutral") > mean(loudness, raw_emotion="sad") + 2
    assert mean(len, raw_emotion="angry") < mean(len, raw_emotion="neutral") < mean(len, raw_emotion="sad")
    assert mean(pitch, raw_emotion="happy") > 1.1 * mean(pitch, raw_emotion="neutral")
    assert mean(pitch, raw_emotion="neutral") > mean(pitch, raw_emotion="sad")
    assert mean(pitch, gender="female") > 1.5 * mean(pitch, gender="male")


@needs_espeak
def test_only_old_demo_files_are_removed(tmp_path):
    params = DemoParams(voices=1, sentences=1)
    synthesise(tmp_path, DemoParams(voices=1, sentences=2), seed=1)
    for name in (".en_f1_sad_s01_t1.wav.77.tmp", "notes.txt", "own.wav"):
        (tmp_path / name).touch()
    assert synthesise(tmp_path, params, seed=1) == 4
    expected = {f"en_f1_{emotion}_s01_t1.wav" for emotion in EMOTIONS} | {"notes.txt", "own.wav"}
    assert {path.name for path in tmp_path.iterdir()} == expected


def test_names_are_read_back():
    assert parse("de_m2_happy_s02_t1") == {
        "key": "de_m2_happy_s02_t1",
        "raw_emotion": "happy",
        "speaker": "de_m2",
        "gender": "male",
        "language": "de",
        "text": SENTENCES["de"][1],
    }


@pytest.mark.parametrize(
    ("stem", "part"),
    [
        ("03a01Fa", "not a demo file name"),
        ("en_f9_sad_s01_t1", "speaker 'f9'"),
        ("en_f1_bored_s01_t1", "emotion 'bored'"),
        ("en_f1_sad_s99_t1", "sentence 99"),
    ],
)
def test_wrong_names_are_refused(tmp_path, stem, part):
    with pytest.raises(ValueError, match=part):
        parse(stem)
    (tmp_path / f"{stem}.wav").touch()
    with pytest.raises(UserError, match=part):
        list(find_reader("demo").read(tmp_path, CorpusParams(reader="demo", root=tmp_path)))


def test_missing_espeak_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(UserError, match=r"pip install '\.\[demo\]'"):
        synthesise(tmp_path, DemoParams(voices=1, sentences=1), seed=1)


def test_tables_fit():
    for language, speakers in SPEAKERS.items():
        assert len(speakers) == 8
        assert sum(name.startswith("f") for name in speakers) == 4
        assert len({speaker.variant for speaker in speakers.values()}) == 8
        assert len(set(SENTENCES[language])) == 12
