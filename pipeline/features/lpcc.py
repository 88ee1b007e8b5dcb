"""LPCC: linear prediction cepstral coefficients, by the autocorrelation method, vectorised over frames.

Sources: Atal, "Effectiveness of linear prediction characteristics of the speech wave for automatic speaker
identification and verification", JASA 55 (1974); Rabiner and Schafer, "Digital Processing of Speech Signals" (1978),
chapter 8 (Levinson-Durbin: section 8.3.2).
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pipeline.audio.samples import Signal, Wave
from pipeline.features.base import Streams
from pipeline.features.frames import windows
from pipeline.features.spectrum import AMIN, Emphasised, FramedExtractor, FrameParams, emphasise, stretches

FLOOR = 1e-9
"""white noise added to the autocorrelation, relative to a frame's energy (-90 dB): keeps the recursion stable"""

WINDOWED = 1 << 24
"""windowed frames of a long utterance that are analysed at once (bytes)"""

FloatArray = NDArray[np.float64]


class LPCCParams(FrameParams):
    """Params of the LPCC: 25 ms every 10 ms, at 16 kHz."""

    n_fft: int = Field(400, ge=16, multiple_of=2, description="length of a frame (samples)")
    hop_length: int = Field(160, ge=1, description="step between frames (samples)")
    window: Literal["hann", "hamming"] = Field("hamming", description="window function, periodic")
    order: int = Field(
        16, ge=1, le=1000, description="order of the linear prediction, 1 per kHz of the rate or a few more"
    )
    n_lpcc: int = Field(16, ge=1, le=1000, description="number of cepstral coefficients, counted from c1")
    pre_emphasis: float = Field(0.97, ge=0, lt=1, description="coefficient of the pre-emphasis filter; 0 for none")

    @model_validator(mode="after")
    def _window_holds_the_order(self) -> "LPCCParams":
        length = self.win_length or self.n_fft
        if self.order >= length:
            raise ValueError(f"order {self.order} must be below the window's length, {length} samples")
        return self


class LPCC(FramedExtractor[LPCCParams]):
    """LPCC c1, c2, ..., stream `values` (frames, n_lpcc).

    They are the cepstrum of the all-pole filter 1 / A(z) without its gain, so they do not depend on the level. A frame
    whose windowed samples have an energy (sum of squares) of 1e-10 or less is silent, and its coefficients are 0.
    """

    name = "lpcc"
    version = "1"
    Params = LPCCParams

    @property
    def dims(self) -> dict[str, int]:
        """Stream `values`, n_lpcc wide."""
        return {"values": self.params.n_lpcc}

    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """LPCC of each utterance."""
        return [{"values": self._extract_one(wave)} for wave in waves]

    def extract_long(self, wave: Signal) -> Iterator[Streams]:
        """LPCC of a long utterance."""
        if self.params.pre_emphasis:
            wave = Emphasised(wave, self.params.pre_emphasis)
        for frames in windowed_pieces(wave, self.params):
            yield {"values": self._coefficients(frames)}

    def _extract_one(self, wave: Wave) -> NDArray[np.float32]:
        if self.params.pre_emphasis:
            wave = emphasise(wave, self.params.pre_emphasis)
        return self._coefficients(windowed_frames(wave, self.params))

    def _coefficients(self, frames: FloatArray) -> NDArray[np.float32]:
        """LPCC of windowed frames (frames, n_fft): (frames, n_lpcc)."""
        lags = autocorrelation(frames, self.params.order)
        silent = lags[0] <= AMIN
        lags[:, silent] = 0
        lags[0, silent] = 1
        lags[0] *= 1 + FLOOR
        return np.ascontiguousarray(cepstra(levinson_durbin(lags), self.params.n_lpcc).T, np.float32)


def windowed_frames(wave: Wave, params: FrameParams) -> FloatArray:
    """Cut a wave (samples,) into frames and window them: (frames, n_fft); see `spectrum` for how many and where."""
    n_fft = params.n_fft
    edge = n_fft // 2 if params.center else 0
    samples = np.pad(wave.astype(np.float64), (edge, edge + max(0, n_fft - 2 * edge - len(wave))))
    frames: FloatArray = _frames(samples, params) * _window(params)
    return frames


def windowed_pieces(wave: Signal, params: FrameParams) -> Iterator[FloatArray]:
    """`windowed_frames` of a long utterance, some frames at a time."""
    window, most = _window(params), max(1, WINDOWED // (8 * params.n_fft))
    for samples in stretches(wave, params):
        frames = _frames(samples, params)
        for first in range(0, len(frames), most):
            yield frames[first : first + most] * window


def _frames(samples: NDArray[Any], params: FrameParams) -> NDArray[Any]:
    """The frames that samples (samples,) hold, (frames, n_fft), not copied."""
    return windows(samples, params.n_fft, params.hop_length)


def _window(params: FrameParams) -> FloatArray:
    """The window, (n_fft,)."""
    from scipy.signal import get_window

    length = params.win_length or params.n_fft
    left = (params.n_fft - length) // 2
    return np.pad(get_window(params.window, length), (left, params.n_fft - length - left))


def autocorrelation(frames: FloatArray, order: int) -> FloatArray:
    """Sums over n of x[n] x[n + lag] of (frames, samples), for the lags 0 ... order: (1 + order, frames)."""
    length = frames.shape[1]
    return np.stack(
        [np.einsum("tn,tn->t", frames[:, : length - lag], frames[:, lag:]) for lag in range(1 + order)],
    )


def levinson_durbin(lags: FloatArray) -> FloatArray:
    """Solve the normal equations of linear prediction, for all frames at once.

    Args:
        lags: autocorrelations (1 + order, frames), positive definite.

    Returns:
        Predictor coefficients alpha_1 ... alpha_order, (order, frames): x[n] is about sum of alpha_k x[n - k].
    """
    order = len(lags) - 1
    alpha = np.zeros((order, lags.shape[1]))
    error = lags[0].copy()
    for i in range(order):
        reflection = (lags[i + 1] - (alpha[:i] * lags[i:0:-1]).sum(axis=0)) / error
        alpha[:i] -= reflection * alpha[:i][::-1]
        alpha[i] = reflection
        error *= 1 - reflection**2
    return alpha


def cepstra(alpha: FloatArray, count: int) -> FloatArray:
    """Cepstrum c_1 ... c_count of 1 / (1 - sum of alpha_k z^-k), (order, frames) -> (count, frames).

    c_n = alpha_n + sum over k < n of (k / n) c_k alpha_(n - k), where alpha is 0 beyond the order.
    """
    order = len(alpha)
    found = np.zeros((count, alpha.shape[1]))
    for n in range(1, count + 1):
        if n <= order:
            found[n - 1] = alpha[n - 1]
        first = max(1, n - order)
        if first < n:
            weights = np.arange(first, n)[:, None] / n
            found[n - 1] += (weights * found[first - 1 : n - 1] * alpha[: n - first][::-1]).sum(axis=0)
    return found
