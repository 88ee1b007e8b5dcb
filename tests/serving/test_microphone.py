"""`ser predict --mic`, with a microphone that gives what it is told to."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from bad_inputs.model_folder import write
from click.testing import CliRunner
from voices import buzz

from pipeline.audio.samples import to_pcm16
from pipeline.cli import main
from pipeline.serving import microphone


class PortAudioError(Exception):
    """As of sounddevice."""


class Device(SimpleNamespace):
    """What of sounddevice is used."""

    PortAudioError = PortAudioError

    def __init__(self, samples, rate=48000.0, problem=None, late=None):
        super().__init__(samples=samples, rate=rate, problem=problem, late=late, stopped=0)

    def query_devices(self, kind):
        assert kind == "input"
        if self.problem:
            raise PortAudioError(self.problem)
        return {"default_samplerate": self.rate}

    def rec(self, frames, samplerate, channels, dtype):
        assert (samplerate, channels, dtype) == (self.rate, 1, "int16")
        return self.samples[:frames, None]

    def wait(self):
        if self.late:
            raise PortAudioError(self.late)

    def stop(self):
        self.stopped += 1


@pytest.fixture
def ser(tmp_path, monkeypatch):
    """Run `ser predict` with a device."""
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(microphone.time, "sleep", lambda seconds: None)

    def ser(device, *arguments, code=0):
        monkeypatch.setitem(sys.modules, "sounddevice", device)
        done = CliRunner().invoke(main, ["predict", "model", *map(str, arguments)])
        assert done.exit_code == code, done.output
        return done

    return ser


@pytest.fixture
def samples():
    return to_pcm16(buzz(3.0, rate=48000))


@pytest.mark.parametrize("options", [[], ["--window", 0.5, "--hop", 0.25], ["--abstain-below", 1]])
@pytest.mark.parametrize("form", ["csv", "jsonl", "textgrid"])
def test_what_was_recorded_is_answered_as_its_file(ser, samples, tmp_path, options, form):
    soundfile.write("microphone.wav", samples[:96000], 48000, "PCM_16")
    device = Device(samples)
    done = ser(device, "--mic", 2, "--format", form, *options)
    assert done.stdout == ser(device, "microphone.wav", "--format", form, *options).stdout
    assert "\rspeak: 2 s \rspeak: 1 s \rrecorded" in done.stderr
    assert device.stopped == 1
    ser(device, "--mic", 2, "--format", form, *options, "--out", "answers")
    assert (tmp_path / "answers").read_text() == done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"a.wav", "answers", "microphone.wav", "model"}


@pytest.mark.parametrize(
    ("device", "says"),
    [
        (None, "microphone: needs the extra: pip install -c constraints.txt -e '.[mic]'; or pipe it in, as `arecord"),
        (Device(None, problem="Error querying device -1"), "there is none (Error querying device -1); plug one in"),
        (Device(np.zeros(96000, np.int16)), "microphone: nothing but zeros came; it is switched off, or"),
        (Device(np.ones(96000, np.int16), late="Input overflowed"), "cannot be read (Input overflowed); close what"),
        (Device(None, rate=1e6), "its rate, 1000000 Hz, is not between 4000 and 768000; choose another"),
    ],
)
def test_a_microphone_that_is_not_there_or_gives_nothing(ser, device, says):
    assert says in ser(device, "--mic", 1, code=1).stderr


def test_without_portaudio(ser, monkeypatch):
    def importing(name, *rest, real=__import__):
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real(name, *rest)

    monkeypatch.setattr("builtins.__import__", importing)
    assert "needs the library PortAudio (`apt install libportaudio2`" in ser(None, "--mic", 1, code=1).stderr


def test_a_window_over_what_was_recorded(ser, samples):
    lines = ser(Device(samples), "--mic", 2, "--window", 1, "--format", "jsonl").stdout.splitlines()
    assert [(json.loads(line)["key"], json.loads(line)["end"]) for line in lines] == [
        ("microphone", 1),
        ("microphone", 2),
    ]
