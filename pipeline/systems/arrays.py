"""X as systems take it: a view, or a plain array where one role suffices, which becomes a view here."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_array, column_or_1d, validate_data

from pipeline.audio.samples import to_pcm16
from pipeline.errors import DataError
from pipeline.storage.source import Arrays
from pipeline.systems.view import View

if TYPE_CHECKING:
    from pipeline.systems.system import System

Data = View | NDArray[Any] | Sequence[Any]
"""X: a view, or a plain array as `as_view` takes it"""

Labels = NDArray[Any] | Sequence[Any]
"""y: the N labels"""

VECTORS = "vectors"
"""the role of a plain array of vectors"""

RATE = 16000
"""sampling rate that plain waveforms are taken to have (Hz)"""


def as_view(system: "System", X: Data, fitting: bool = False) -> View:
    """X as a view of the roles that the system reads.

    A plain array is (N, dims) for a system that takes vectors; (N, frames, dims), or a list of (frames, dims), for one
    of frames; and (N, samples), or a list of (samples,), for one of waveforms at 16 kHz, as 16-bit integers or as
    floats in [-1, 1]. Its width is kept as `n_features_in_` when fitting, and held against it otherwise.

    Raises:
        ValueError: there are no utterances, a value is no number, or the shape is wrong; a `DataError` where
            scikit-learn has no check of its own.
    """
    if isinstance(X, View):
        for name in ("n_features_in_", "feature_names_in_"):  # of an array that it was fitted to before
            if fitting and name in vars(system):
                delattr(system, name)
        return _of_own_roles(system, X)
    if not system.roles:
        return _view(VECTORS, Arrays({"values": _vectors(system, X, fitting)[:, None]}))
    if len(system.roles) > 1:
        raise DataError(
            f"{type(system).__name__} reads {' and '.join(system.roles)}, which one array cannot hold; X must be a "
            "View, as pipeline.load_corpus gives"
        )
    (role,) = system.roles
    if role == "waveform":
        return _view(role, Arrays({"values": _waveforms(system, X)}, extractor=role, frame_rate=RATE))
    frames = _frames(system, X)
    _check_width(system, frames[0].shape[1], fitting)
    return _view(role, Arrays({system.stream(): frames}, extractor=role))


def as_labels(X: View, y: Labels) -> NDArray[Any]:
    """The N class labels, of any type that can be sorted.

    Raises:
        ValueError: they are no class labels, or not one for each utterance.
    """
    labels: NDArray[Any] = column_or_1d(y, warn=True)
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    if len(labels) != len(X):
        raise DataError(f"X has {len(X)} utterances and y has {len(labels)} labels; give one for each")
    return labels


def _view(role: str, source: Arrays) -> View:
    return View(source.keys, {role: [source]})


def _of_own_roles(system: "System", X: View) -> View:
    name, taken = type(system).__name__, {*system.roles, *system.optional}
    if not taken:
        return X
    own = X.only(taken if system.roles else taken | {VECTORS})
    lacking = [role for role in system.roles if role not in own.roles]
    if lacking or not own.roles:
        needed = ", ".join(lacking) or f"one of {', '.join(system.optional)}"
        raise DataError(f"{name} needs {needed}; X has {', '.join(X.roles) or 'nothing'}")
    if not len(own):
        raise DataError(f"{name}: X has no utterances, and a minimum of 1 is required")
    return own


def _vectors(system: "System", X: Any, fitting: bool) -> NDArray[Any]:
    checked: NDArray[Any] = validate_data(system, X, reset=fitting, dtype=np.float64)
    return checked


def _frames(system: "System", X: Any) -> list[NDArray[Any]]:
    """Each utterance's (frames, dims), of one width."""
    items = _items(system, X, 2, "(N, frames, dims), or a list of (frames, dims)")
    rows = [check_array(row, dtype=[np.float32, np.float16], estimator=system, input_name="X") for row in items]
    if len(widths := {row.shape[1] for row in rows}) > 1:
        raise DataError(f"X has utterances of {min(widths)} and of {max(widths)} features a frame; they must be alike")
    return rows


def _waveforms(system: "System", X: Any) -> list[NDArray[np.int16]]:
    """Each utterance's 16-bit samples, (samples, 1)."""
    items = _items(system, X, 1, "(N, samples), or a list of (samples,)")
    waves = [check_array(wave, dtype="numeric", ensure_2d=False, estimator=system, input_name="X") for wave in items]
    return [_pcm(wave)[:, None] for wave in waves]


def _pcm(wave: NDArray[Any]) -> NDArray[np.int16]:
    whole, loudest = wave.dtype.kind in "iu", int(np.ceil(np.abs(wave.astype(np.float64)).max()))
    if loudest > (32768 if whole else 1):
        raise DataError(f"X has samples up to {loudest}; give 16-bit integers, or floats in [-1, 1]")
    return wave.astype(np.int16) if whole else to_pcm16(wave.astype(np.float64))


def _items(system: "System", X: Any, ndim: int, wanted: str) -> Sequence[Any]:
    """The utterances of a list or an array, each of so many dimensions."""
    name = type(system).__name__
    if not isinstance(X, list | tuple | np.ndarray):
        raise DataError(f"{name} takes a View, or an array {wanted}; X is a {type(X).__name__}")
    items: list[Any] = [np.asarray(item) for item in X]
    if not items:
        raise DataError(f"{name}: X has 0 samples, and a minimum of 1 is required")
    if wrong := [item.shape for item in items if item.ndim != ndim]:
        raise DataError(f"{name} takes a View, or an array {wanted}; an utterance of X has shape {wrong[0]}")
    return items


def _check_width(system: "System", width: int, fitting: bool) -> None:
    if fitting:
        system.n_features_in_ = width
    elif width != (known := getattr(system, "n_features_in_", width)):
        raise DataError(f"X has {width} features, but {type(system).__name__} is expecting {known} features as input")
