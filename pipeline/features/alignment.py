"""When frames are, and one feature's frames at the times of another's.

Frame t of a feature file is centred at `first_frame` + t / `frame_rate` seconds into the utterance as it was analysed:
with `pad: repeat` the copies count too.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.storage.feature_file import FeatureFile

Seconds = NDArray[np.float64]


def frame_times(frames: int, frame_rate: float, first_frame: float = 0.0) -> Seconds:
    """Centres of frames (s), (frames,).

    Raises:
        ValueError: `frame_rate` (Hz) is not above 0, as of features that are resized or one row per utterance.
    """
    if not frame_rate > 0:
        raise ValueError(
            f"frame_rate is {frame_rate:g} Hz: features that are resized or one row per utterance have no frame times"
        )
    return first_frame + np.arange(frames) / frame_rate


def align(
    values: NDArray[Any], times: Seconds, target_times: Seconds, how: Literal["nearest", "linear"] = "nearest"
) -> NDArray[Any]:
    """Values at other times; before the first and after the last frame, that frame's.

    Args:
        values: (frames, dims).
        times: (frames,), ascending (s).
        target_times: (targets,) (s).
        how: nearest takes the nearest frame, of two equally near the earlier, in the values' dtype; linear
            interpolates between frames, in float32 or more.

    Returns:
        (targets, dims).

    Raises:
        ValueError: there are no frames, `times` does not ascend or is not one per frame, or `how` is not known.
    """
    times, wanted = np.asarray(times, np.float64), np.asarray(target_times, np.float64)
    if values.ndim != 2 or not len(values) or times.shape != (len(values),):
        raise ValueError(f"{values.shape} values and {times.shape} times: expected (frames, dims), frames above 0")
    if (np.diff(times) <= 0).any():
        raise ValueError("times must ascend")
    if how == "nearest":
        return values[np.searchsorted((times[1:] + times[:-1]) / 2, wanted)]
    if how != "linear":
        raise ValueError(f"how is {how!r}; known: nearest, linear")
    place = np.interp(wanted, times, np.arange(len(times)))
    before = place.astype(np.int64)
    after = np.minimum(before + 1, len(values) - 1)
    dtype = np.result_type(values.dtype, np.float32)
    weight = (place - before)[:, None]
    return ((1 - weight) * values[before] + weight * values[after]).astype(dtype)


def align_utterance(
    key: str,
    source: FeatureFile,
    target: FeatureFile,
    stream: str = "values",
    how: Literal["nearest", "linear"] = "nearest",
) -> NDArray[Any]:
    """One utterance's stream of `source` at the frames that `target` has of it: (frames of target, dims of source).

    Raises:
        UserError: a file does not have the utterance.
        ValueError: a file has no frame times, or no such stream; the file is named. See also `align`.
    """
    if stream not in source.streams:
        raise ValueError(f"{source.path}: has no stream {stream!r}; it has {', '.join(source.streams)}")
    (row,) = source.index([key])
    values = source.row(int(row), stream)
    return align(values, utterance_times(key, source), utterance_times(key, target), how)


def utterance_times(key: str, file: FeatureFile) -> Seconds:
    """Centres of one utterance's frames (s), (frames,).

    Raises:
        UserError: the file does not have the utterance.
        ValueError: its frames have no times; the file is named.
    """
    (row,) = file.index([key])
    try:
        return frame_times(int(file.lengths[row]), file.header.frame_rate, file.header.first_frame)
    except ValueError as error:
        raise ValueError(f"{file.path}: {error}") from error


def valid_mask(lengths: Sequence[int] | NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which frames of a padded batch are real, (batch, longest): row i is True on its first `lengths[i]` frames."""
    counts = np.asarray(lengths, np.int64)
    return np.arange(counts.max(initial=0)) < counts[:, None]


def pad_rows(rows: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Stack utterances (frames, dims) into a padded batch, and say which of its frames are real.

    Returns:
        (batch, longest, dims), zeros after each utterance's end; and `valid_mask` of it, (batch, longest).

    Raises:
        ValueError: there are no rows, or they differ in their dims.
    """
    if not rows:
        raise ValueError("no rows to pad")
    dims = sorted({row.shape[1] for row in rows})
    if len(dims) > 1:
        raise ValueError(f"rows have {dims} dims; a batch has the same for all")
    mask = valid_mask([len(row) for row in rows])
    padded = np.zeros((*mask.shape, *dims), np.result_type(*rows))
    padded[mask] = np.concatenate(rows)
    return padded, mask
