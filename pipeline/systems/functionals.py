"""Functionals: what an utterance's frames are like in all, as one vector of fixed length.

The idea and the word are those of openSMILE's feature sets (Eyben et al. 2010): statistics over time of frame-wise
descriptors and of their slopes. They are taken over speech only: how long the silence before and after an utterance
is says more about who cut the recording than about who speaks.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from pipeline.errors import DataError
from pipeline.storage.header import Header
from pipeline.storage.source import Source
from pipeline.systems.view import View

FloatArray = NDArray[np.float64]

DESCRIBED = ("logmel", "mfcc", "opensmile", "prosody", "ssl")
"""the roles that have functionals"""

VECTORS = ("opensmile", "prosody", "")
"""extractors of one row an utterance, which is its vector; "" made a plain array"""

PERCENTILES = (5, 25, 50, 75, 95)
NAMES = ("mean", "std", "slope", "skewness", *(f"percentile_{p}" for p in PERCENTILES))
"""The functionals, each of every descriptor, in this order: first of the values, then of their deltas."""

BANDS = 24
"""wide bands that the log-Mel bands are averaged to: neighbours say nearly the same"""

SPEECH_RANGE = 30.0
"""dB: frames this far below an utterance's loud frames (its 95th percentile) are taken for silence"""

QUIET = 1e-20
"""least power, so that silence has a level (dB)"""


def describe(frames: NDArray[Any], extractor: str, params: Mapping[str, Any]) -> FloatArray:
    """One vector of an utterance's frames: functionals of its descriptors, and how speech and silence alternate.

    Args:
        frames: (frames, dims).
        extractor: that made them. A log-Mel spectrogram is described by `BANDS` wide bands and the shape of the
            spectrum; an MFCC by its coefficients without their derivatives (deltas are taken here); others as they are.
        params: of the extractor.
    """
    values = np.asarray(frames, np.float64)
    spoken = speech(level(values, extractor, params), len(values))
    if extractor == "logmel":
        values = np.hstack([wide_bands(values), spectral_shape(values)])
    if extractor == "mfcc" and params.get("deltas") and "n_mfcc" in params:
        values = values[:, : params["n_mfcc"]]
    return np.concatenate([functionals(values, spoken), pattern(spoken)])


def level(frames: FloatArray, extractor: str, params: Mapping[str, Any]) -> FloatArray | None:
    """The level of each frame (dB), from the features themselves; None where they do not say it.

    A log-Mel frame's is the sum of its bands' power; an MFCC's its log energy, or else c0, which is the mean of the
    log-Mel bands times the square root of their number.
    """
    if extractor == "logmel":
        return decibels(np.power(10.0, frames / 10).sum(axis=1))
    if extractor == "mfcc" and {"energy", "n_mfcc", "n_mels"} <= set(params):
        if params["energy"]:
            return frames[:, params["n_mfcc"] - 1]
        return np.asarray(frames[:, 0] / np.sqrt(params["n_mels"]))
    return None


def decibels(power: FloatArray) -> FloatArray:
    """10 log10 of a power."""
    return np.asarray(10 * np.log10(np.maximum(power, QUIET)))


def speech(levels: FloatArray | None, count: int) -> NDArray[np.bool_]:
    """Which of `count` frames are speech: (count,). All, where no level is known."""
    if levels is None:
        return np.ones(count, bool)
    return np.asarray(levels >= np.percentile(levels, 95) - SPEECH_RANGE) | (levels == levels.max())


def pattern(spoken: NDArray[np.bool_]) -> FloatArray:
    """How speech and silence alternate: the share of speech, its stretches per frame, the longest one's share: (3,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], spoken.astype(np.int8), [0]])))
    lengths = edges[1::2] - edges[::2]
    return np.array([spoken.mean(), len(lengths) / len(spoken), lengths.max(initial=0) / len(spoken)])


def wide_bands(logmel: FloatArray) -> FloatArray:
    """Means of neighbouring log-Mel bands (dB): (frames, at most BANDS)."""
    count = min(BANDS, logmel.shape[1])
    edges = np.arange(count + 1) * logmel.shape[1] // count
    return np.stack([logmel[:, low:high].mean(axis=1) for low, high in pairwise(edges)], axis=1)


def spectral_shape(logmel: FloatArray) -> FloatArray:
    """The shape of each frame's spectrum on the mel scale, from its bands (dB): (frames, 8).

    Level (dB); centroid and spread of the power over the bands (share of the range); tilt of the bands (dB over the
    range); flatness, the bands' mean below the level (dB); flux, the change from the frame before (dB, root mean
    square over the bands); entropy of the power over the bands; balance of the lower and the upper half (dB).
    """
    count = logmel.shape[1]
    place = np.linspace(0, 1, count)
    power = np.power(10.0, logmel / 10)
    total = np.maximum(power.sum(axis=1), QUIET)
    share = power / total[:, None]
    centroid = share @ place
    spread = np.sqrt(np.maximum(share @ place**2 - centroid**2, 0))
    centred = place - place.mean()
    tilt = logmel @ centred / max(float(centred @ centred), 1e-9)
    change = np.diff(logmel, axis=0, prepend=logmel[:1])
    return np.stack(
        [
            decibels(total),
            centroid,
            spread,
            tilt,
            logmel.mean(axis=1) - decibels(total),
            np.sqrt(np.square(change).mean(axis=1)),
            -(share * np.log(np.maximum(share, QUIET))).sum(axis=1),
            decibels(power[:, : count // 2].sum(axis=1)) - decibels(power[:, count // 2 :].sum(axis=1)),
        ],
        axis=1,
    )


def deltas(values: FloatArray) -> FloatArray:
    """Slope of each descriptor over 5 frames by least squares, edges repeated: (frames, descriptors)."""
    padded = np.pad(values, ((2, 2), (0, 0)), mode="edge")
    return np.asarray((2 * (padded[4:] - padded[:-4]) + (padded[3:-1] - padded[1:-3])) / 10)


def functionals(values: FloatArray, spoken: NDArray[np.bool_]) -> FloatArray:
    """The functionals of (frames, descriptors) over the frames that are `spoken`: (2 x 9 x descriptors,), see NAMES.

    Deltas are taken before silence is left out. The slope is that of a line fitted over time from -1 to 1.
    """
    return np.concatenate([_functionals(part[spoken]) for part in (values, deltas(values))])


def _functionals(values: FloatArray) -> FloatArray:
    mean, std = values.mean(axis=0), values.std(axis=0)
    centred = values - mean
    time = np.linspace(-1, 1, len(values)) if len(values) > 1 else np.zeros(1)
    slope = time @ centred / max(float(time @ time), 1e-9)
    skewness = np.power(centred, 3).mean(axis=0) / np.power(np.maximum(std, 1e-9), 3)
    return np.concatenate([mean, std, slope, skewness, *_percentiles(values)])


def _percentiles(values: FloatArray) -> list[FloatArray]:
    """`np.percentile(values, PERCENTILES, axis=0)`, by one sort, which is several times faster."""
    ordered = np.sort(values, axis=0)
    found = []
    for percentile in PERCENTILES:
        below, part = divmod(percentile / 100 * (len(values) - 1), 1)
        above = min(int(below) + 1, len(values) - 1)
        found.append(ordered[int(below)] * (1 - part) + ordered[above] * part)
    return found


_known: WeakKeyDictionary[Source, dict[str, FloatArray]] = WeakKeyDictionary()
"""file (or arrays) that holds a row -> key -> vector, so that folds of one corpus describe each utterance once"""


def vectors(X: View) -> FloatArray:
    """The utterances of a view as vectors (N, dims), its roles side by side in the view's order.

    Of a framed role it is `describe`; of hidden states mean and standard deviation over the frames, layer after layer;
    prosody, openSMILE's sets, states that are pooled already and a plain array of vectors are taken as they are.

    Raises:
        DataError: a feature is undefined for an utterance.
    """
    found = [_of_role(X, role) for role in X.roles]
    return found[0] if len(found) == 1 else np.hstack(found)


class Functionals(TransformerMixin, BaseEstimator):
    """`vectors` as a scikit-learn transformer, for classifiers of scikit-learn over a `View`.

    Roles that have no functionals, as waveforms, are left out. There is nothing to fit but the number of dimensions.

    Example:
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> from sklearn.svm import SVC
        >>> from pipeline import Functionals, load_corpus
        >>> X, y, speakers = load_corpus("demo_en", features=["mfcc_39", "prosody"])
        >>> model = make_pipeline(Functionals(), StandardScaler(), SVC()).fit(X, y)
        >>> model.predict(X).shape
        (16,)
    """

    def fit(self, X: View, y: Any = None) -> Self:
        """Count the dimensions."""
        self.widths_ = {role: _of_role(X[[0]], role).shape[1] for role in self._described(X).roles}
        return self

    def transform(self, X: View) -> FloatArray:
        """Vectors (N, dims)."""
        return vectors(self._described(X))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """ROLE_NUMBER of each dimension."""
        return np.array([f"{role}_{i}" for role, width in self.widths_.items() for i in range(width)], object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags

    def _described(self, X: View) -> View:
        if not isinstance(X, View) or not len(X):
            shown = repr(X) if isinstance(X, View) else f"a {type(X).__name__}"
            raise DataError(f"Functionals takes a View, as pipeline.load_corpus gives; X is {shown}")
        return X.only(DESCRIBED)


def _of_role(X: View, role: str) -> FloatArray:
    if not len(X):
        return np.zeros((0, 0))
    header = X.source(role).header
    holders = X.holders(role)
    tables = {source: _known.setdefault(source, {}) for source in {*holders}}
    known = [tables[source] for source in holders]
    new = [i for i, key in enumerate(X.keys) if key not in known[i]]
    streams = X.streams(role) if header.extractor == "ssl" else ["values"]
    arrays = [X[np.array(new, np.int64)].arrays(role, stream) for stream in streams]
    for i, *own in zip(new, *arrays, strict=True):
        vector = _vector(own, header)
        if not np.isfinite(vector).all():
            raise DataError(
                f"{holders[i].label}: features of {str(X.keys[i])!r} are undefined; "
                "extract prosody with `mode: clean`, and other features anew"
            )
        known[i][str(X.keys[i])] = vector
    return np.stack([table[key] for table, key in zip(known, X.keys, strict=True)])


def _vector(streams: Sequence[NDArray[Any]], header: Header) -> FloatArray:
    """One utterance's vector of its streams, each (frames, dims)."""
    if header.extractor not in ("ssl", *VECTORS):
        return describe(streams[0], header.extractor, header.params)
    values = [np.asarray(rows, np.float64) for rows in streams]  # half precision has no room for sums
    if header.extractor == "ssl" and header.params.get("pool", "none") == "none":
        return np.concatenate([part for rows in values for part in (rows.mean(axis=0), rows.std(axis=0))])
    return np.concatenate([rows.ravel() for rows in values])
