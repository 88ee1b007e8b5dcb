"""What a recording sounds like, whatever its file: one digest of its samples, and a fingerprint that copies share.

The fingerprint is that of Haitsma & Kalker (2002), "A highly robust audio fingerprinting system", ISMIR, section 4.2:
of 33 bands in 300 to 2000 Hz the energy E is taken frame by frame, and of each frame n a word is kept, whose bit m is
the sign of E(n, m) - E(n, m + 1) - (E(n - 1, m) - E(n - 1, m + 1)). Frames are 128 ms here, not 370, as two takes of a
sentence must differ; one starts every 8 ms, so that a copy that starts between two frames is still much the same. A
gain changes no sign, and frames far below the loudest are not compared, so that silence may be cut off.
"""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.samples import to_pcm16

Words = NDArray[np.uint32]
Flags = NDArray[np.bool_]

RATE = 5000
"""Hz; what the bands are taken from"""
FRAME, HOP = 640, 40
"""samples at `RATE`: 128 ms, each 8 ms"""
WINDOW = np.hanning(FRAME).astype(np.float32)
BLOCK = 1 << 16
"""samples worked on at once"""
EDGES = np.rint(np.geomspace(300, 2000, 34) * FRAME / RATE).astype(np.int64)
"""bins of the spectrum between which the 33 bands lie"""
BITS = len(EDGES) - 2
"""of a word, which is 32"""
QUIET = 1e-3
"""frames with less energy than this share of the loudest frame's are not compared: -30 dB"""
STEADY = 0.02
"""nor are those whose bands change by less than this share of their energy from the frame before: signs of noise"""


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """Of one recording.

    Attributes:
        digest: SHA-256 of the mono samples at 16 bits, and of their rate; equal for WAV and FLAC of the same samples.
        words: of each frame, (frames,).
        compared: the frames that are neither quiet nor steady, (frames,).
        constant: whether all samples are one value at 16 bits, as of silence or of channels that cancel each other:
            others with this digest are not the same recording.
    """

    digest: str
    words: Words
    compared: Flags
    constant: bool = False


class Fingerprinter:
    """Takes a recording block by block, in the memory of some blocks, and of 12 bytes for each 8 ms.

    Args:
        rate: of the samples (Hz).
    """

    def __init__(self, rate: int) -> None:
        import soxr

        self._digest = sha256(f"{rate} Hz".encode())
        self._values = (np.inf, -np.inf)
        self._stream = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="MQ")
        self._left = np.zeros(0, np.float32)
        self._last = np.zeros((0, len(EDGES) - 1), np.float32)
        self._words = [np.zeros(0, np.uint32)]
        self._energies = [np.zeros(0, np.float32)]
        self._changes = [np.zeros(0, np.float32)]

    def add(self, block: NDArray[np.float64]) -> None:
        """Take the next mono samples, (samples,) in [-1, 1]."""
        for start in range(0, len(block), BLOCK):
            samples = block[start : start + BLOCK].astype(np.float32)
            pcm = to_pcm16(samples)
            self._digest.update(pcm.tobytes())
            self._values = (min(self._values[0], pcm.min()), max(self._values[1], pcm.max()))
            self._frames(self._stream.resample_chunk(samples))

    def fingerprint(self) -> Fingerprint:
        """That of all blocks; to be called once, after the last."""
        self._frames(self._stream.resample_chunk(np.zeros(0, np.float32), last=True))
        energy, change = np.concatenate(self._energies), np.concatenate(self._changes)
        compared = (energy > QUIET * energy.max(initial=0)) & (change > STEADY * energy)
        constant = self._values[0] >= self._values[1]
        return Fingerprint(self._digest.hexdigest(), np.concatenate(self._words), compared, bool(constant))

    def _frames(self, samples: NDArray[np.float32]) -> None:
        """Take the frames that are whole by now; the rest waits for the next samples."""
        from scipy.fft import rfft

        self._left = np.concatenate([self._left, samples])
        while len(self._left) >= FRAME:
            frames = np.lib.stride_tricks.sliding_window_view(self._left[:BLOCK], FRAME)[::HOP]
            self._left = self._left[HOP * len(frames) :]
            spectrum = rfft(frames * WINDOW, axis=1)[:, : EDGES[-1]]
            squares = np.square(spectrum.view(np.float32))  # of real and imaginary parts, side by side
            self._steps(np.add.reduceat(squares, 2 * EDGES[:-1], axis=1))

    def _steps(self, bands: NDArray[np.float32]) -> None:
        """Take the words of band energies (frames, 33); the very first frame has none, as there is none before it."""
        bands = np.concatenate([self._last, bands])
        steps = np.diff(bands, axis=0)
        signs = np.packbits(np.diff(steps, axis=1) < 0, axis=1)
        self._last = bands[-1:]
        self._words.append(np.ascontiguousarray(signs).view(">u4")[:, 0].astype(np.uint32))
        self._energies.append(bands[1:].sum(axis=1))
        self._changes.append(np.abs(steps).sum(axis=1))


def fingerprint(samples: NDArray[np.float64], rate: int) -> Fingerprint:
    """The fingerprint of mono samples, (samples,) in [-1, 1] at `rate` Hz."""
    fingerprinter = Fingerprinter(rate)
    fingerprinter.add(samples)
    return fingerprinter.fingerprint()


def bit_errors(one: Fingerprint, other: Fingerprint, offset: int) -> tuple[float, int]:
    """The share of bits that differ where frame n + `offset` of one lies on frame n of the other; and of how many.

    Of no frames that are compared, 1.
    """
    start, end = max(0, offset), min(len(one.words), len(other.words) + offset)
    if end <= start:
        return 1.0, 0
    here, there = slice(start, end), slice(start - offset, end - offset)
    both = one.compared[here] & other.compared[there]
    frames = int(np.count_nonzero(both))
    wrong = int(np.bitwise_count(one.words[here][both] ^ other.words[there][both]).sum())
    return (wrong / (BITS * frames) if frames else 1.0), frames
