"""Samples that come on standard input while they are spoken, and how long answers take.

What is read at once is what has come, and nothing is read while answers are computed: who sends faster waits, and
memory is that of a window, a hop and a block. Only the account of latencies reads the clock; no answer does.
"""

import math
import sys
import wave
from collections import Counter, deque
from collections.abc import Iterator
from time import perf_counter
from typing import IO, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.decoding import FASTEST, SLOWEST
from pipeline.audio.samples import FULL_SCALE
from pipeline.errors import ParamsError, UserError
from pipeline.serving.loaded import Loaded
from pipeline.serving.over_time import sound_over_time
from pipeline.serving.samples import Sound
from pipeline.serving.standard_input import KEY, NAME
from pipeline.serving.stream_formats import begun
from pipeline.serving.windows import SHORTEST_WINDOW, Windows

PIECE = 1 << 14
"""most bytes that are read at once: half a second at 16 kHz"""
WIDTH = 2
"""bytes of a sample"""
USUAL = 16000
"""Hz, where neither an option nor a header says it"""
RIFF = b"RIFF"
CONVERSION = "convert it, as `ffmpeg -i - -ac 1 -ar 16000 -f s16le -` does"
UNTOLD = 0x7FFF0000
"""bytes from which on a header's length means that its writer did not know it; arecord, sox and ffmpeg write such"""


def warmed_up(model: Loaded[Any], windows: Windows) -> None:
    """Ask a model once, so that its first answer does not wait for its weights.

    Raises:
        UserError: the model cannot be asked of one window alone, or a file of it is damaged.
    """
    faint = np.random.default_rng(0).normal(0, 0.01, round(windows.window * USUAL))
    model.predict(faint, USUAL)


class Pipe(Protocol):
    """What samples come from, as `sys.stdin.buffer`."""

    def read(self, size: int, /) -> bytes:
        """So many bytes, or fewer at the end."""

    def read1(self, size: int, /) -> bytes:
        """What has come, so many bytes at most; waits for one, and is empty at the end."""


class Latencies:
    """How long answers took, to one part in a hundred, in memory that does not grow with their number."""

    STEPS = 115
    """for a factor of ten"""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.most = 0.0

    def __len__(self) -> int:
        return self._counts.total()

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[round(self.STEPS * math.log10(max(seconds, 1e-6)))] += 1
        self.most = max(self.most, seconds)

    def quantile(self, share: float) -> float:
        """What so large a share of them did not exceed (s); 0 where there are none."""
        left = share * len(self)
        for step in sorted(self._counts):
            left -= self._counts[step]
            if left <= 0:
                return float(min(self.most, 10 ** (step / self.STEPS)))
        return 0.0


class PCMStream:
    """16-bit little-endian mono samples, with a WAV's header before them or none.

    Attributes:
        rate: sampling rate (Hz).
        sound: the samples, to be read once.
        cut_short: whether it ended within a sample; known at its end.
        latencies: from when a window's last sample was read to when its line was written.

    Args:
        pipe: what they come from.
        rate: sampling rate (Hz); None for the header's, or 16 kHz where there is none.

    Raises:
        ParamsError: the header says another rate, or no recording has such a rate.
        UserError: the header is damaged, or is of other samples; or it is a compressed recording.
    """

    def __init__(self, pipe: Pipe, rate: int | None = None) -> None:
        self._pipe = pipe
        self._ahead, wrapping = begun(pipe)
        if wrapping:
            raise UserError(f"{NAME}: is {wrapping}, and --stream takes bare samples; {CONVERSION}")
        self._left = sys.maxsize
        self.rate = rate or USUAL
        if self._ahead == RIFF:
            self._read_header(rate)
        if not SLOWEST <= self.rate <= FASTEST:
            raise ParamsError(f"--rate: {self.rate} Hz is not between {SLOWEST} and {FASTEST}")
        self.sound = Sound(NAME, self.rate, self._blocks())
        self.cut_short, self.latencies = False, Latencies()
        self._samples, self._arrivals = 0, deque[tuple[float, float]]()
        self._begun = self._waited = 0.0

    def answers(self, model: Loaded[Any], windows: Windows, least: float) -> Iterator[Any]:
        """What a model says of each window, as soon as it is full; an answer is written before the next is asked for.

        Raises:
            UserError: nothing comes, or the model cannot be asked of one window alone.
        """
        for answer in sound_over_time(model, KEY, self.sound, windows, least):
            yield answer
            if answer.span is not None:
                self.latencies.add(perf_counter() - self._arrival(answer.span[1]))

    def account(self) -> str:
        """Latencies and the real-time factor: the time that was not waited for samples, of a second of them."""
        times = f"p50 {self.latencies.quantile(0.5):.3f}, p95 {self.latencies.quantile(0.95):.3f}"
        seconds, count = self._samples / self.rate, len(self.latencies)
        busy = perf_counter() - self._begun - self._waited if seconds else 0.0
        windows = f"{count} window{'' if count == 1 else 's'}"
        return (
            f"{windows} in {seconds:.6g} s; from the last sample to the line {times}, max "
            f"{self.latencies.most:.3f} s; real-time factor {busy / max(seconds, 1e-9):.3f}"
        )

    def _read_header(self, rate: int | None) -> None:
        try:
            header = wave.Wave_read(cast("IO[bytes]", _Whole(self._ahead, self._pipe)))
        except (wave.Error, EOFError) as error:
            problem = " ".join(str(error).split()) or "it ends within its header"
            raise UserError(f"{NAME}: cannot be read as WAV ({problem}); send samples alone, and --rate") from error
        channels, bits, self.rate = header.getnchannels(), 8 * header.getsampwidth(), header.getframerate()
        if (channels, bits) != (1, 8 * WIDTH):
            raise UserError(
                f"{NAME}: its header says {bits} bits and {channels} channels; --stream takes 16 bits and one channel, "
                "as `sox talk.flac -b 16 -c 1 -t wav -` gives"
            )
        if rate not in (None, self.rate):
            raise ParamsError(f"--rate {rate}: the header on {NAME} says {self.rate} Hz; leave --rate out")
        length = header.getnframes() * WIDTH
        self._ahead, self._left = b"", length if 0 < length < UNTOLD else sys.maxsize

    def _blocks(self) -> Iterator[NDArray[np.float64]]:
        rest, self._begun = b"", perf_counter()
        while piece := self._read():
            data = rest + piece
            whole = len(data) // WIDTH * WIDTH
            rest = data[whole:]
            self._samples += whole // WIDTH
            self._arrivals.append((self._samples / self.rate, perf_counter()))
            yield np.frombuffer(data[:whole], "<i2") / FULL_SCALE
        self.cut_short = bool(rest)
        if not self._samples:
            raise UserError(f"{NAME}: nothing came; pipe samples in")
        if self._samples < SHORTEST_WINDOW * self.rate:
            seconds = self._samples / self.rate
            raise UserError(f"{NAME}: is too short ({seconds:.3g} s); send at least {SHORTEST_WINDOW:g} s")

    def _read(self) -> bytes:
        if self._ahead:
            piece, self._ahead = self._ahead, b""
            return piece
        since = perf_counter()
        piece = self._pipe.read1(min(PIECE, self._left))
        self._waited += perf_counter() - since
        self._left -= len(piece)
        return piece

    def _arrival(self, end: float) -> float:
        """When the sample at `end` (s) was read; at a window after another, which never ends earlier."""
        while len(self._arrivals) > 1 and self._arrivals[0][0] < end:
            self._arrivals.popleft()
        return self._arrivals[0][1]


class _Whole:
    """A pipe with what was already read of it, as far as `wave` asks for it."""

    def __init__(self, ahead: bytes, pipe: Pipe) -> None:
        self._ahead, self._pipe = ahead, pipe

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer at the end."""
        taken, self._ahead = self._ahead[:size], self._ahead[size:]
        return taken + self._pipe.read(size - len(taken)) if len(taken) < size else taken
