"""What identifies a result: digests, and the one way to write what they are taken of."""

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray


def canonical_json(value: Any) -> str:
    """Write JSON in its one canonical form: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def row_digest(*parts: str | bytes) -> NDArray[np.uint8]:
    """SHA-256 over parts, each preceded by its length, as 32 uint8."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little") + data)
    return np.frombuffer(state.digest(), np.uint8)
