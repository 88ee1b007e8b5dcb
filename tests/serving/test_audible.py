"""Silence and too short clips, which `ser predict` tells of instead of their emotion alone."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from bad_inputs.model_folder import write
from click.testing import CliRunner
from conftest import tone

from pipeline.audio.bad_recordings import RecordingsError
from pipeline.audio.segments import Segment
from pipeline.cli import main
from pipeline.serving.audible import silent

RATE = 16000


@pytest.fixture
def ser(tmp_path, monkeypatch):
    """Run `ser predict` with a small model, in a folder with sound, silence, and next to nothing."""
    write(tmp_path)
    for name, samples in (("sound", tone(0.3)), ("silence", 1e-4 * tone(3)), ("click", tone(0.01))):
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE)
    monkeypatch.chdir(tmp_path)

    def ser(*arguments, sent=None):
        return CliRunner().invoke(main, ["predict", "model", *map(str, arguments)], input=sent)

    return ser


def test_a_silent_recording_is_told_each_time(ser):
    for _ in range(2):  # the answer is known then
        done = ser("sound.wav", "silence.wav")
        assert done.exit_code == 0
        assert "warning: silence.wav: is silent; what is said of it means nothing\n" in done.stderr
        assert "sound.wav" not in done.stderr
    done = ser("-", sent=Path("silence.wav").read_bytes())
    assert "warning: standard input: is silent" in done.stderr
    assert "is silent" not in ser("silence.wav", "--window", 1).stderr


@pytest.mark.parametrize("windows", [(), ("--window", 1)])
def test_of_less_than_a_tenth_of_a_second_nothing_is_said(ser, windows):
    done = ser("click.wav", *windows)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "error: click.wav: is too short (0.01 s); give at least 0.1 s\n" in done.stderr
    done = ser("sound.wav", "click.wav", "gone.wav", "--skip-bad", *windows)
    assert (done.exit_code, len(done.stdout.splitlines())) == (3, 2)
    assert "warning: left out: 2 recordings\n" in done.stderr
    assert "warning: gone.wav: no such file or folder\n" in done.stderr


def test_nothing_on_standard_input_costs_no_other_answer(ser):
    done = ser("-", "sound.wav", "--skip-bad", sent=b"")
    assert (done.exit_code, len(done.stdout.splitlines())) == (3, 2)
    assert "warning: standard input: " in done.stderr
    assert "nothing came" in ser("-", sent=b"").stderr


def test_a_recording_that_does_nothing_but_lie_off_zero_is_silent(ser):
    soundfile.write("offset.wav", np.full(RATE, 0.3), RATE)
    soundfile.write("beside.wav", 0.3 + 0.01 * tone(1.0), RATE)
    said = ser("offset.wav", "beside.wav").stderr
    assert "warning: offset.wav: is silent" in said
    assert "beside.wav" not in said


def test_each_segment_is_heard_by_itself(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.concatenate([tone(1), np.zeros(RATE), tone(1)]), RATE)
    segments = {"s": Segment(path, 1.2, 1.8), "t": Segment(path, 2.2, None), "u": Segment(path, 0, 0.1)}
    assert silent(segments) == [f"{segments['s']}: is silent; what is said of it means nothing"]
    with pytest.raises(RecordingsError, match=r"is too short \(0\.05 s\)"):
        silent(segments | {"v": Segment(path, 2, 2.05)})


def test_a_hop_that_skips_sound_is_told(ser):
    done = ser("sound.wav", "--window", 0.1, "--hop", 0.2)
    assert done.exit_code == 0
    assert "warning: --hop 0.2: is longer than --window 0.1; what is between windows is not heard\n" in done.stderr
