"""What identifies a result: digests, and the one way to write what they are taken of."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def canonical_json(value: Any) -> str:
    """Write JSON in its one canonical form: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def row_digest(*parts: str | bytes) -> NDArray[np.uint8]:
    """SHA-256 over parts, each preceded by its length, as 32 uint8."""
    return np.frombuffer(_hashed(parts).digest(), np.uint8)


def long_row_digest(parts: Iterable[str | bytes], size: int, last: Iterable[bytes | memoryview]) -> NDArray[np.uint8]:
    """`row_digest` of parts and a last one, of `size` bytes, that comes in pieces."""
    state = _hashed(parts)
    state.update(size.to_bytes(8, "little"))
    for piece in last:
        state.update(piece)
    return np.frombuffer(state.digest(), np.uint8)


def _hashed(parts: Iterable[str | bytes]) -> "hashlib._Hash":
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little") + data)
    return state
