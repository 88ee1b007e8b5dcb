"""How much of a window has voice, on sounds whose pauses are known."""

import builtins

import numpy as np
import pytest
from voices import buzz

from pipeline.audio.samples import to_pcm16
from pipeline.audio.voice_activity import CONTEXT, DETECTORS, FRAME, LEAST_VOICED, RATE, voice_activity
from pipeline.errors import ParamsError, UserError

PAUSE = 2 * RATE


def heard(name, samples, cuts=()):
    """A detector that heard floats, cut at some places."""
    detector = voice_activity(name)
    for part in np.split(to_pcm16(samples), cuts):
        detector.push(part)
    return detector


def shares(name, samples, window=1.0, cuts=()):
    detector, size = heard(name, samples, cuts), round(window * RATE)
    return [detector.share(start, start + size) for start in range(0, len(samples) - size + 1, size)]


def noise(count, decibels):
    return np.random.default_rng(0).normal(0, 10 ** (decibels / 20), count)


def talk():
    """Two seconds of voice, and two of silence, three times."""
    return np.concatenate(3 * [buzz(2.0), np.zeros(PAUSE)])


@pytest.mark.parametrize("name", ["energy", "webrtc"])
@pytest.mark.parametrize("decibels", [-120, -70, -45])
def test_pauses_are_told_from_voice_in_silence_and_in_noise(name, decibels):
    if name == "webrtc":
        pytest.importorskip("webrtcvad", reason="webrtcvad-wheels is not installed (extra vad)")
    told = shares(name, talk() + noise(len(talk()), decibels))
    if name == "webrtc":
        del told[2::4]  # it waits a quarter of a second before it takes a pause for one
    assert [share >= LEAST_VOICED for share in told] == 3 * ([True, True] + [False] * (len(told) // 3 - 2))


def test_what_is_heard_is_louder_than_the_noise_however_loud():
    """The noise of a pause that follows a second of it is none."""
    told = shares("energy", np.concatenate([noise(4 * RATE, -25), buzz(2.0, 0.9)]))
    assert told[1:4] == [0, 0, 0]
    assert min(told[4:]) > 0.3


def test_zeros_in_pauses_do_not_make_noise_voice():
    noisy = np.concatenate([np.zeros(RATE), noise(5 * RATE, -40), np.zeros(RATE), noise(3 * RATE, -40)])
    assert max(shares("energy", noisy)[2:]) < LEAST_VOICED


def test_a_microphones_offset_is_no_voice():
    assert max(shares("energy", np.full(3 * RATE, 0.25))) == 0


def test_silence_has_no_voice_and_nothing_is_listened_to_under_none():
    assert shares("energy", np.zeros(3 * RATE)) == [0, 0, 0]
    assert shares("none", np.zeros(3 * RATE)) == [1, 1, 1]
    assert voice_activity("energy").share(0, FRAME - 1) == 1  # no whole frame


@pytest.mark.parametrize("name", ["energy", "webrtc"])
def test_blocks_and_what_comes_after_a_window_change_nothing(name):
    if name == "webrtc":
        pytest.importorskip("webrtcvad", reason="webrtcvad-wheels is not installed (extra vad)")
    samples = talk() + noise(len(talk()), -50)
    rng = np.random.default_rng(1)
    known = shares(name, samples, 0.7)
    assert shares(name, samples, 0.7, np.sort(rng.integers(0, len(samples), 300))) == known
    assert shares(name, samples[: 5 * RATE], 0.7) == known[:7]


def test_only_what_noise_is_looked_for_in_is_kept():
    detector = voice_activity("energy")
    for second in range(60):
        detector.push(to_pcm16(noise(RATE, -40)))
        detector.share(second * RATE, (second + 1) * RATE)
    assert len(detector._numbers) == CONTEXT


def test_what_cannot_be(monkeypatch):
    with pytest.raises(ParamsError, match=r"voice activity: 'energi' is none of energy, webrtc, none \(did you mean"):
        voice_activity("energi")
    real = builtins.__import__

    def missing(name, *rest):
        if name == "webrtcvad":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UserError, match=r"webrtc: needs the extra: pip install .* '.\[vad\]'; or take `energy`"):
        voice_activity("webrtc")


def test_the_command_knows_all_detectors():
    from pipeline.commands.predict import predict

    (option,) = [option for option in predict.params if option.name == "voice_activity"]
    assert list(option.type.choices) == [*DETECTORS]
