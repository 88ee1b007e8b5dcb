"""Emotions over time in samples that come on standard input while they are spoken."""

import io
import json
import re
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import soundfile
from bad_inputs.model_folder import write
from conftest import REPOSITORY, tone
from small_model import small_model
from voices import buzz

from pipeline.audio.samples import to_pcm16
from pipeline.errors import ParamsError, UserError
from pipeline.serving.over_time import over_time
from pipeline.serving.streaming import Latencies, PCMStream, warmed_up
from pipeline.serving.windows import Windows


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("small"))


class Pieces:
    """A pipe out of which bytes come in pieces; `log` gets an `r` at each."""

    def __init__(self, pieces, log=None):
        self._pieces, self._log = iter(pieces), [] if log is None else log

    def read(self, size):
        assert size == 4
        return next(self._pieces, b"")

    def read1(self, size):
        self._log.append("r")
        piece = next(self._pieces, b"")
        assert len(piece) <= size
        return piece


def cut(data, most):
    """Bytes as a pipe may give them, the first four alone."""
    rng, place = np.random.default_rng(0), 4
    yield data[:4]
    while place < len(data):
        size = int(rng.integers(1, most))
        yield data[place : place + size]
        place += size


def said(answers):
    return [(each.key, each.span, each.voiced, each.emotion, each.probabilities.tolist()) for each in answers]


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_a_stream_gives_what_its_recording_gives(model, rate):
    speech = np.concatenate([buzz(1.7, rate=rate), np.zeros(rate), tone(0.4, 300, rate), buzz(0.6, 0.2, rate)])
    samples = to_pcm16(speech)
    for windows in (Windows(0.5, 0.2), Windows(1.0, 1.5), Windows(9.0, 1.0)):
        known = said(over_time(model, "stdin", samples, rate, windows, 0.4))
        stream = PCMStream(Pieces(cut(samples.astype("<i2").tobytes(), 9999)), rate)
        told = said(stream.answers(model, windows, 0.4))
        np.testing.assert_equal(told, known)
        assert len(stream.latencies) == len(known)


def test_a_line_comes_as_soon_as_its_window_is_full(model):
    log = []
    data = to_pcm16(buzz(2.0)).astype("<i2").tobytes()
    pieces = [data[:4], *(data[place : place + 3200] for place in range(4, len(data), 3200))]  # 0.1 s each
    for _ in PCMStream(Pieces(pieces, log), 16000).answers(model, Windows(0.5, 0.5), 0.0):
        log.append("a")
    assert "".join(log) == "r" * 5 + "a" + ("r" * 5 + "a") * 3 + "r"


def test_an_endless_stream_takes_the_memory_of_a_window(model):
    warmed_up(model, Windows(3.0, 1.0))
    second = bytes(16000)
    stream = PCMStream(Pieces(second if place else second[:4] for place in range(2 * 3600)), 16000)
    tracemalloc.start()
    count = sum(1 for _ in stream.answers(model, Windows(3.0, 1.0), 0.0))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 3597 + 1
    assert most < 2e6


def wav(samples, rate=16000, length=None, channels=1, bits=16, more=b""):
    """A WAV's bytes, with a chunk that says nothing before its samples."""
    data = samples.astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"LIST" + struct.pack("<I", 4) + b"INFO"
    chunks += b"data" + struct.pack("<I", len(data) if length is None else length) + data + more
    return b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + b"WAVE" + chunks


@pytest.mark.parametrize("length", [None, 0, 0x7FFFF000, 0xFFFFFFFF])
def test_a_wavs_header_says_the_rate_and_what_follows_its_samples_is_not_heard(length):
    samples = to_pcm16(tone(0.2, rate=48000))
    more = b"LIST" + struct.pack("<I", 4) + b"more" if length is None else b""
    stream = PCMStream(io.BytesIO(wav(samples, 48000, length, more=more)))
    assert stream.rate == 48000
    np.testing.assert_array_equal(to_pcm16(np.concatenate(list(stream.sound.blocks))), samples)


def test_a_byte_too_many_is_told():
    stream = PCMStream(io.BytesIO(bytes(4001)))
    assert sum(map(len, stream.sound.blocks)) == 2000
    assert stream.cut_short


@pytest.mark.parametrize(
    ("data", "rate", "error", "says"),
    [
        (b"", None, UserError, "standard input: nothing came; pipe samples in"),
        (b"a", None, UserError, "standard input: nothing came"),
        (b"RIFF", None, UserError, r"cannot be read as WAV \(.+\); send samples alone, and --rate"),
        (b"RIFF" + bytes(99), None, UserError, "cannot be read as WAV"),
        (wav(np.zeros(9), channels=2), None, UserError, "says 16 bits and 2 channels; --stream takes 16 bits and one"),
        (wav(np.zeros(9), bits=24), None, UserError, "says 24 bits and 1 channels"),
        (wav(np.zeros(9), 8000), 16000, ParamsError, "--rate 16000: the header on standard input says 8000 Hz"),
        (bytes(99), 100, ParamsError, "--rate: 100 Hz is not between 4000 and 768000"),
        (wav(np.zeros(9), 1), None, ParamsError, "1 Hz is not between"),
        (bytes(10), None, UserError, r"standard input: is too short \(0.000313 s\); send at least 0.1 s"),
        (b"ID3\x04" + bytes(9999), 48000, UserError, "standard input: is MP3, and --stream takes bare"),
    ],
)
def test_what_is_no_stream(data, rate, error, says):
    with pytest.raises(error, match=says):
        list(PCMStream(io.BytesIO(data), rate).sound.blocks)


@pytest.mark.parametrize(("form", "subtype"), [("MP3", None), ("FLAC", None), ("OGG", "OPUS"), ("AIFF", None)])
@pytest.mark.parametrize("rate", [16000, 48000])
def test_a_compressed_recording_is_no_stream(form, subtype, rate):
    file = io.BytesIO()
    soundfile.write(file, tone(0.5, rate=rate), rate, format=form, subtype=subtype)
    with pytest.raises(UserError, match=f"(?i)is {form}, and --stream takes bare samples"):
        PCMStream(io.BytesIO(file.getvalue()), rate)


def test_samples_that_begin_as_an_mp3_frame_does_are_heard():
    samples = np.concatenate([np.frombuffer(b"\xff\xfb\x90\x00", "<i2"), to_pcm16(buzz(0.3))])
    blocks = list(PCMStream(io.BytesIO(samples.tobytes())).sound.blocks)
    np.testing.assert_array_equal(to_pcm16(np.concatenate(blocks)), samples)


def test_quantiles_of_latencies_are_right_to_a_hundredth():
    latencies, times = Latencies(), np.random.default_rng(0).lognormal(-3, 1, 5000)
    assert latencies.quantile(0.5) == 0
    for each in times:
        latencies.add(each)
    for share in (0.5, 0.95, 1.0):
        assert latencies.quantile(share) == pytest.approx(np.quantile(times, share), rel=0.02)
    assert latencies.most == times.max()
    assert len(latencies._counts) < 1000


@pytest.fixture
def folder(tmp_path):
    """One with a model, and a recording of speech."""
    write(tmp_path)
    soundfile.write(tmp_path / "stdin.wav", buzz(2.3), 16000)
    return tmp_path


def started(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "predict", "model", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "", "SER_WORKERS": "1", "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_the_command_answers_while_it_hears_and_gives_an_account(folder):
    sound = (folder / "stdin.wav").read_bytes()
    known, _ = started(folder, "stdin.wav", "--window", "1", "--format", "jsonl").communicate()
    live = started(folder, "--stream", "--window", "1")
    live.stdin.write(sound[: 44 + 33000])
    live.stdin.flush()
    first = live.stdout.readline()  # while the stream is open
    rest, errors = live.communicate(sound[44 + 33000 :] + b"x")
    assert (live.returncode, first + rest) == (0, known)
    assert [json.loads(line)["start"] for line in known.splitlines()] == [0, 1, 1.3]
    account = r"3 windows in 2\.3 s; from the last sample to the line p50 \S+, p95 \S+, max \S+ s; real-time factor \S+"
    assert re.fullmatch(account, errors.decode().splitlines()[-1])


def test_a_reader_that_leaves_and_ctrl_c_end_it_well(folder):
    left = started(folder, "--stream", "--window", "0.1", "--rate", "16000")
    left.stdin.write(bytes(4000))
    left.stdin.flush()
    left.stdout.readline()
    left.stdout.close()
    left.stdin.write(bytes(64000))
    left.stdin.close()
    assert left.wait(60) == 0
    assert b"Traceback" not in left.stderr.read()
    broken = started(folder, "--stream", "--window", "0.1")
    broken.stdin.write(bytes(4000))
    broken.stdin.flush()
    broken.stdout.readline()
    broken.send_signal(2)
    assert broken.wait(60) == 130
    errors = broken.stderr.read().decode()
    assert "interrupted; the stream was heard up to here\n" in errors
    assert "Traceback" not in errors
    broken.stdin.close()


def test_a_byte_too_many_is_a_warning(folder):
    _, errors = started(folder, "--stream", "--window", "0.1").communicate(bytes(4001))
    assert b"warning: standard input: ended within a sample; its last byte is left out\n" in errors
