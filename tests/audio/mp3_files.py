"""MP3 files as found in the wild, made of whole ones."""

import struct

import numpy as np
import soundfile

from pipeline.audio import mpeg


def mp3(path, samples, rate=44100, mode="CONSTANT"):
    """Write an MP3 file, and return its bytes."""
    soundfile.write(path, samples, rate, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=mode)
    return path.read_bytes()


def without_info(data):
    """An MP3 file without the frame that says how many there are."""
    size = mpeg.frame_at(data, 0).size
    assert data[:size].find(b"Info") > 0 or data[:size].find(b"Xing") > 0
    return data[size:]


def with_count(data, count):
    """An MP3 file that says it has so many frames."""
    at = max(data[:200].find(b"Info"), data[:200].find(b"Xing"))
    return data[: at + 8] + struct.pack(">I", count) + data[at + 12 :]


def swelling(seconds, rate=44100):
    """Noise whose beginning takes many bits, and whose rest few: (samples,)."""
    noise = np.random.default_rng(0).standard_normal(round(seconds * rate))
    return noise * np.where(np.arange(len(noise)) < len(noise) // 8, 0.2, 0.002)
