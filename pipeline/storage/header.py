"""The schema `ser-features/1`: what a feature file says of itself, and its checksum.

`/key` (N, bytes), `/digest` (N, 32), `/offsets` (N + 1) and one dataset per stream, (sum of frames, dims), with the
frames of all utterances in manifest order: utterance i has rows `offsets[i]:offsets[i + 1]`. Streams are contiguous
and uncompressed, so they are read through a memory map at the dataset's place in the file.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.storage.mapped import blocks

SCHEMA = "ser-features/1"
INDEX = ("key", "digest", "offsets")
UTTERANCES = 1_000_000
"""of a file, at most; the largest corpora of emotional speech have 300 000"""
PRETRAINED_PARAMETERS = "model_parameters"
"""note: parameters of the pretrained model that made the features, as far as it is run"""
PRETRAINED_OPERATIONS = "model_operations"
"""note: its floating-point operations per second of speech"""


@dataclass(frozen=True)
class Header:
    """What a feature file says of itself, in its root attributes."""

    extractor: str
    version: str
    params: Mapping[str, Any]
    frame_rate: float
    """Hz; 0 when there is one row per utterance"""
    corpus: str
    notes: Mapping[str, str] = field(default_factory=dict)
    """further root attributes, as the digest of pretrained weights; no row's digest depends on them"""
    first_frame: float = 0.0
    """where the first frame of every utterance is centred (s)"""
    sha256: str = field(default="", compare=False)
    """checksum of the contents, made by the writer"""


@dataclass(frozen=True, eq=False)
class Outline:
    """All of a feature file but its frames.

    Attributes:
        header: its root attributes.
        keys: N utterance keys, in manifest order.
        digests: (N, 32) uint8, what each row was computed from.
        dims: stream name -> number of dimensions.
        dtypes: stream name -> dtype.
        compression: None, or an HDF5 filter (gzip, lzf): smaller, but no longer read through a memory map.
    """

    header: Header
    keys: Sequence[str]
    digests: NDArray[np.uint8]
    dims: Mapping[str, int]
    dtypes: Mapping[str, np.dtype[Any]]
    compression: str | None = None


def checksum(
    attributes: Mapping[str, Any],
    keys: Sequence[bytes],
    digests: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    streams: Mapping[str, Any],
) -> str:
    """Hex SHA-256 of all that a feature file holds; `attributes` are its others, `streams` are sorted by name."""
    state = hashlib.sha256(repr(sorted((name, str(value)) for name, value in attributes.items())).encode())
    state.update(b"\0".join(keys))
    state.update(digests.tobytes())
    state.update(offsets.tobytes())
    for name, values in streams.items():
        state.update(f"{name} {values.dtype} {values.shape}".encode())
        for block in blocks(values):
            state.update(np.ascontiguousarray(block).data)
    return state.hexdigest()
