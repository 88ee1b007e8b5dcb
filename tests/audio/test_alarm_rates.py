"""How many copies the fingerprints find, by what was done to them, and how many false alarms there are.

On synthetic speech, or on the recordings of a folder of one's own, with the rates printed:
`RECORDINGS=/path/to/corpus python -m pytest -n 0 -s tests/audio/test_alarm_rates.py`.
"""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from pipeline.audio.decoding import decode
from pipeline.audio.fingerprint import fingerprint
from pipeline.audio.fingerprint_index import near_pairs
from pipeline.corpora.base import audio_files

MOST = 200
"""recordings of a folder, at most"""


def speech(seed, seconds=1.5, rate=16000):
    """Harmonics of a gliding pitch under formants that move by syllable, (samples,)."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    syllables = [np.interp(t, np.linspace(0, seconds, 10), rng.uniform(0, 1, 10)) for _ in range(4)]
    phase = 2 * np.pi * np.cumsum(90 + 150 * syllables[0]) / rate
    wave = sum(
        np.sin(k * phase) * np.exp(-(((k * 150 - 300 - 1500 * syllables[1 + k % 2]) / 400) ** 2)) for k in range(1, 25)
    )
    wave = (wave + 0.05 * rng.standard_normal(len(t))) * (0.05 + syllables[3]) ** 2
    return 0.5 * wave / np.abs(wave).max(), rate


def encoded(samples, rate, container, codec=None):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=codec)
    file.seek(0)
    return soundfile.read(file)


def at(rate, samples, own):
    return soxr.resample(samples, own, rate), rate


COPIES = {
    "at 0.01": lambda y, r: (np.rint(0.01 * y * 32768) / 32768, r),
    "with an offset": lambda y, r: (y + 0.1, r),
    "2 s of silence before": lambda y, r: (np.pad(y, (2 * r, 0)), r),
    "noise at 20 dB": lambda y, r: (y + 0.1 * y.std() * np.random.default_rng(0).standard_normal(len(y)), r),
    "the first 80 %": lambda y, r: (y[: round(0.8 * len(y))], r),
    "MP3": lambda y, r: encoded(y, r, "MP3"),
    "Opus": lambda y, r: encoded(*at(16000, y, r), "OGG", "OPUS"),
    "mu-law at 8 kHz": lambda y, r: encoded(*at(8000, y, r), "WAV", "ULAW"),
}
OTHERS = {
    "at 1.02 of the speed": lambda y, r: (*at(round(r / 1.02), y, r)[:1], r),
    "at half the speed": lambda y, r: (*at(2 * r, y, r)[:1], r),
    "the first half": lambda y, r: (y[: len(y) // 2], r),
}
"""what is not taken for a copy"""


@pytest.fixture(scope="module")
def recordings():
    folder = os.environ.get("RECORDINGS")
    if not folder:
        return [speech(seed) for seed in range(40)]
    return [decode(Path(folder) / name) for name in audio_files(Path(folder))[:MOST]]


@pytest.mark.slow
@pytest.mark.parametrize("change", [*COPIES, *OTHERS])
def test_copies_and_false_alarms(recordings, change):
    count = len(recordings)
    changed = [(COPIES | OTHERS)[change](*recording) for recording in recordings]
    pairs = set(near_pairs([fingerprint(*recording) for recording in [*recordings, *changed]]))
    copies = sum((i, i + count) in pairs for i in range(count))
    alarms = sum(one % count != other % count for one, other in pairs)
    print(f"{change}: {copies} of {count} copies, {alarms} false alarms")
    if "RECORDINGS" not in os.environ:
        assert alarms == 0
        assert copies >= 0.9 * count if change in COPIES else copies <= 0.1 * count
