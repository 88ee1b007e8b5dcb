"""Frames and spectra of a ragged batch, and the one rule for how many frames an utterance has and where they lie.

With `center`, frame t is centred on sample t * hop_length and the utterance is surrounded by zeros:
1 + samples // hop_length frames. Without, frame t starts at sample t * hop_length and lies wholly inside the
utterance: 1 + (samples - n_fft) // hop_length frames; one shorter than a frame is extended with zeros to one frame.
Both are librosa's (`librosa.stft`, `pad_mode="constant"`).

Each utterance is computed by itself, in pieces that stay in the processor's cache: nothing else in a batch can change
its values, not even their last bits, and no time goes into padding. The Fourier transform is in double precision, as
librosa's is, where single precision would not do: see `SpectrumParams.needs_double`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from pydantic import Field, field_validator, model_validator

from pipeline.arithmetic import exact_log10, exact_sqrt
from pipeline.audio.samples import Signal, Wave
from pipeline.features.base import Extractor, FeatureParams

if TYPE_CHECKING:
    import torch
    from torch import Tensor

AMIN = 1e-10
"""power floor before a logarithm, as librosa's"""

PIECE = 2**20
"""windowed frames transformed at once (bytes)"""

SEGMENT = 1 << 19
"""samples of an utterance whose frames are cut at once"""

SINGLE = 80.0
"""range below the loudest bin (dB of power) in which a Fourier transform in single precision is exact enough"""

LONGEST = 65536
"""what a frame and the step between frames can be (samples)"""


class FrameParams(FeatureParams):
    """Params of everything computed from short windows of samples."""

    n_fft: int = Field(2048, ge=16, multiple_of=2, description="length of the Fourier transform (samples)")
    win_length: int | None = Field(None, ge=1, description="length of the window (samples); default n_fft")
    hop_length: int = Field(512, ge=1, description="step between frames (samples)")
    window: Literal["hann", "hamming"] = Field("hann", description="window function, periodic")
    center: bool = Field(True, description="centre frames on multiples of hop_length, with zeros around the utterance")

    @field_validator("n_fft", "hop_length")  # also where a subclass gives these another default
    @classmethod
    def _fits_in_memory(cls, samples: int) -> int:
        if samples > LONGEST:
            raise ValueError(f"should be at most {LONGEST} samples")
        return samples

    @model_validator(mode="after")
    def _window_fits(self) -> "FrameParams":
        if self.win_length is not None and self.win_length > self.n_fft:
            raise ValueError(f"win_length {self.win_length} is longer than n_fft {self.n_fft}")
        return self

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length

    @property
    def first_frame(self) -> float:
        """Where the first frame is centred (s)."""
        return 0.0 if self.center else self.n_fft / 2 / self.sample_rate

    def frames(self, samples: int) -> int:
        """Number of frames of an utterance of so many samples."""
        if self.center:
            return 1 + samples // self.hop_length
        return 1 + max(0, samples - self.n_fft) // self.hop_length


F = TypeVar("F", bound=FrameParams)


class FramedExtractor(Extractor[F]):
    """An extractor whose frames lie as its params say."""

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.params.frame_rate

    @property
    def first_frame(self) -> float:
        """Where the first frame is centred (s)."""
        return self.params.first_frame

    def frames(self, samples: int) -> int:
        """How many frames an utterance of so many samples has."""
        return self.params.frames(samples)


class SpectrumParams(FrameParams):
    """Params of everything that begins with a spectrum in decibels."""

    power: float = Field(2.0, gt=0, description="exponent of the magnitude: 1 amplitude, 2 power")
    top_db: float | None = Field(80.0, gt=0, description="range kept below an utterance's loudest value (dB)")

    @property
    def needs_double(self) -> bool:
        """Whether values are kept that the rounding of a single-precision transform could change by 1e-4 of them."""
        return self.top_db is None or self.top_db > SINGLE * self.power / 2


class MelParams(SpectrumParams):
    """Params of everything that begins with a mel spectrum."""

    n_mels: int = Field(128, ge=1, description="number of mel bands")
    f_min: float = Field(0.0, ge=0, description="lowest frequency of the mel bands (Hz)")
    f_max: float | None = Field(
        None, gt=0, description="highest frequency of the mel bands (Hz); default half the rate"
    )
    htk: bool = Field(False, description="HTK's mel formula instead of Slaney's")

    @property
    def needs_double(self) -> bool:
        """Also when the loudest bin, such as that of an offset, may lie outside the bands."""
        whole = self.f_min == 0 and self.f_max in (None, self.sample_rate / 2)
        return not whole or super().needs_double

    @model_validator(mode="after")
    def _bands_fit(self) -> "MelParams":
        half = self.sample_rate / 2
        f_max = half if self.f_max is None else self.f_max
        bins = 1 + self.n_fft // 2
        if self.n_mels > bins:
            raise ValueError(f"n_mels {self.n_mels} is more than the {bins} frequencies of n_fft {self.n_fft}")
        if not self.f_min < f_max <= half:
            raise ValueError(f"f_max {f_max} must lie above f_min {self.f_min} and not above half the sample_rate")
        return self


def emphasise(wave: Wave, coefficient: float, out: Wave | None = None) -> Wave:
    """Pre-emphasis x[n] - c x[n - 1], begun as `librosa.effects.preemphasis` does, by extrapolating the first step."""
    if len(wave) < 2:
        return wave
    out = np.empty_like(wave) if out is None else out
    np.multiply(wave[:-1], coefficient, out=out[1:])
    np.subtract(wave[1:], out[1:], out=out[1:])
    out[0] = wave[0] + (2 * wave[0] - wave[1])
    return out


@dataclass(frozen=True)
class Emphasised:
    """`emphasise` of a signal that need not be in memory."""

    signal: Signal
    coefficient: float

    def __len__(self) -> int:
        return len(self.signal)

    def __getitem__(self, part: slice) -> Wave:
        start, stop, _ = part.indices(len(self))
        before = min(start, 1)
        return emphasise(self.signal[start - before : max(stop, 2)], self.coefficient)[before : before + stop - start]

    def whole(self, out: Wave) -> None:
        """Write all of it, two samples at least, without another array."""
        emphasise(self.signal[0 : len(self)], self.coefficient, out)


def stretches(wave: Signal, params: FrameParams, multiple: int = 1) -> Iterator[Wave]:
    """The samples of an utterance, zeros around it, of the whole frames in about `SEGMENT` of them: (samples,) each.

    All but the last hold a `multiple` of frames.
    """
    edge, hop = params.n_fft // 2 if params.center else 0, params.hop_length
    total = params.frames(len(wave))
    most = max(1, SEGMENT // hop // multiple) * multiple
    for first in range(0, total, most):
        count = min(most, total - first)
        start = first * hop - edge
        length = (count - 1) * hop + params.n_fft
        before, inside = max(-start, 0), slice(max(start, 0), min(max(start + length, 0), len(wave)))
        after = before + max(inside.stop - inside.start, 0)
        samples = np.empty(length, np.float32)
        samples[:before] = samples[after:] = 0
        if isinstance(wave, Emphasised) and 1 < len(wave) == after - before:
            wave.whole(samples[before:after])
        else:
            samples[before:after] = wave[inside]
        yield samples


def segments(
    wave: Signal, params: FrameParams, dtype: "torch.dtype", device: str = "cpu", multiple: int = 1
) -> "Iterator[Tensor]":
    """The frames of `stretches`, (frames, n_fft)."""
    import torch

    for samples in stretches(wave, params, multiple):
        yield torch.from_numpy(samples).to(device, dtype).unfold(0, params.n_fft, params.hop_length)


def spectrum(waves: Sequence[Wave], params: SpectrumParams, device: str = "cpu") -> "tuple[Tensor, list[int]]":
    """Magnitudes to `power`: the frames of all utterances, (sum of frames, 1 + n_fft / 2), and their counts."""
    import torch

    rows = [piece for wave in waves for piece in spectrum_pieces(wave, params, device)]
    counts = [params.frames(len(wave)) for wave in waves]
    return torch.cat(rows) if rows else torch.zeros(0, 1 + params.n_fft // 2), counts


def spectrum_pieces(wave: Signal, params: SpectrumParams, device: str = "cpu") -> "Iterator[Tensor]":
    """`spectrum` of an utterance, some frames at a time: (frames, 1 + n_fft / 2)."""
    window = window_of(params, device)
    return (to_power(squared(frames, window), params.power) for frames in framed(wave, params, window))


def reblocked(pieces: "Iterable[Tensor]", size: int) -> "Iterator[Tensor]":
    """Pieces one after another, (frames, ...), cut anew into blocks of `size` frames; the last may be shorter."""
    import torch

    waiting: list[Tensor] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(map(len, waiting)) >= size:
            *blocks, rest = torch.cat(waiting).split(size)
            waiting = [rest]
            yield from blocks
    if waiting:
        yield from torch.cat(waiting).split(size)


def decibels(power: "Tensor", top_db: float | None) -> "Tensor":
    """10 log10 of an utterance's (frames, bands), cut at `top_db` below its maximum, as `librosa.power_to_db`.

    It takes the place of `power`, as that of a long utterance cannot be held twice.
    """
    return to_decibels(power, [len(power)], top_db)


def decibel_pieces(pieces: "Callable[[], Iterable[Tensor]]", top_db: float | None) -> "Iterator[Tensor]":
    """`decibels` of a long utterance, whose pieces are made twice: for their maximum, and to be given."""
    floor = None if top_db is None else max(decibels(piece, None).max() for piece in pieces()) - top_db
    for piece in pieces():
        values = decibels(piece, None)
        yield values if floor is None else values.clamp_(min=floor)


def to_decibels(power: "Tensor", counts: Sequence[int], top_db: float | None) -> "Tensor":
    """`decibels` of each of several utterances whose frames lie end to end."""
    if power.device.type != "cpu":
        values = exact_log10(power.clamp_(min=AMIN)).mul_(10)
        for part in values.split([*counts]) if top_db is not None else ():
            part.clamp_(min=part.max() - top_db)
        return values
    array = power.numpy()  # see `mel_spectrum`; it is rounded the same
    np.maximum(array, AMIN, out=array)
    exact_log10(power)
    np.multiply(array, 10, out=array)
    first = 0
    for count in counts if top_db is not None else ():
        part = array[first : first + count]
        np.maximum(part, part.max() - top_db, out=part)
        first += count
    return power


def framed(wave: Signal, params: SpectrumParams, window: "Tensor") -> "Iterator[Tensor]":
    """The frames of an utterance to be windowed, as many at a time as `PIECE` says: (frames, n_fft)."""
    count = piece_of(window)
    for frames in segments(wave, params, window.dtype, str(window.device), multiple=count):
        yield from frames.split(count) if len(frames) > count else (frames,)


def piece_of(window: "Tensor") -> int:
    """How many frames are windowed at once."""
    return max(1, PIECE // (len(window) * window.dtype.itemsize))


def squared(frames: "Tensor", window: "Tensor") -> "Tensor":
    """Squares of the real and imaginary parts of the spectra of frames: (frames, 1 + n_fft / 2, 2)."""
    import torch

    return torch.view_as_real(torch.fft.rfft(frames * window)).float().square_()


def to_power(squares: "Tensor", power: float) -> "Tensor":
    """Magnitudes to `power`, from `squared`: (frames, 1 + n_fft / 2)."""
    total = squares[..., 0] + squares[..., 1]
    if power == 2:
        return total
    return exact_sqrt(total) if power == 1 else total.pow_(power / 2)


def window_of(params: SpectrumParams, device: str) -> "Tensor":
    """The window in the precision of the transform: (n_fft,)."""
    import torch

    dtype = torch.float64 if params.needs_double else torch.float32
    return _window(params.window, params.win_length or params.n_fft, params.n_fft, dtype, str(device))


@lru_cache(maxsize=16)
def _window(name: str, win_length: int, n_fft: int, dtype: "torch.dtype", device: str) -> "Tensor":
    """The periodic window, zeros on either side up to n_fft."""
    import torch

    make = torch.hann_window if name == "hann" else torch.hamming_window
    left = (n_fft - win_length) // 2
    window = make(win_length, dtype=torch.float64, device=device)
    return torch.nn.functional.pad(window, (left, n_fft - win_length - left)).to(dtype)
