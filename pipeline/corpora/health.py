"""Recordings out of the ordinary, for a look before they are trained on: silent, clipped, very short or very long."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.corpora.manifest import Row
from pipeline.errors import UserError
from pipeline.jobs.progress import Progress

SILENT = 0.001
"""half the range of its samples below which a recording is silent, of full scale: -60 dB"""
FULL = 0.999
"""magnitude from which a sample is at full scale"""
CLIPPED = 0.001
"""share of samples at full scale from which a recording is clipped; normalising the peak gives about a tenth of it"""
SHORT = 0.3
"""seconds"""
LONG = 30.0
"""seconds"""

RULES = {
    "silent": f"samples reach less than {SILENT:g} of full scale (-60 dB) on either side of their middle",
    "clipped": f"{CLIPPED:.1%} or more of the samples are at full scale ({FULL:g} or above)",
    "short": f"shorter than {SHORT:g} s",
    "long": f"longer than {LONG:g} s",
}

KEYS = 20
"""named of each kind, at most"""

BLOCK = 1 << 18
"""samples of each channel decoded at once"""


def find(rows: Sequence[Row], root: Path) -> dict[str, dict[str, Any]]:
    """Decode a corpus's recordings and list its outliers, of which a recording may be several.

    Returns:
        For each of `RULES`: `rule`, `count`, and `keys`, the first `KEYS` of them in the order of the rows.

    Raises:
        UserError: a recording cannot be decoded.
    """
    found: dict[str, list[str]] = {kind: [] for kind in RULES}
    with Progress(len(rows), "outliers") as progress:
        for row in rows:
            swing, share = measure(root / row.wav)
            kinds = {
                "silent": swing < SILENT,
                "clipped": share >= CLIPPED,
                "short": row.length < SHORT,
                "long": row.length > LONG,
            }
            for kind, true in kinds.items():
                if true:
                    found[kind].append(row.key)
            progress.update()
    return {kind: {"rule": RULES[kind], "count": len(keys), "keys": keys[:KEYS]} for kind, keys in found.items()}


def measure(path: Path) -> tuple[float, float]:
    """Half the range of a recording's samples, of full scale, in its loudest channel; and the share at full scale.

    Raises:
        UserError: the recording cannot be decoded.
    """
    import soundfile

    full, samples = 0, 0
    try:
        with soundfile.SoundFile(path) as file:
            low, high = np.full(file.channels, np.inf), np.full(file.channels, -np.inf)
            for block in file.blocks(BLOCK, dtype="float32", always_2d=True):
                low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
                full += int(np.count_nonzero(np.abs(block) >= FULL))
                samples += block.size
    except (OSError, soundfile.SoundFileError) as error:
        raise UserError(f"{path}: cannot be read as audio ({error}); mend or remove the file") from error
    return max(0.0, float((high - low).max()) / 2), full / max(1, samples)


def summary(found: Mapping[str, Mapping[str, Any]]) -> str:
    """How many there are of each kind, as `1 silent, 3 short`; "" when there is none."""
    return ", ".join(f"{said['count']} {kind}" for kind, said in found.items() if said["count"])
