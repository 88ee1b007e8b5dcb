"""Recordings out of the ordinary, for a look before they are trained on: silent, clipped, very short or very long.

Silence is looked for in the samples that are used, those of the mean of the channels; clipping in the channels.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.audio.decoding import FULL, Measured, measure
from pipeline.corpora.manifest import Row
from pipeline.jobs.executors import in_threads, worker_count
from pipeline.jobs.progress import Progress

SILENT = 0.001
"""half the range of its samples below which a recording is silent, of full scale: -60 dB"""
CLIPPED = 0.001
"""share of samples at full scale from which a recording is clipped; normalising the peak gives about a tenth of it"""
SHORT = 0.3
"""seconds"""
LONG = 30.0
"""seconds"""

RULES = {
    "silent": f"samples reach less than {SILENT:g} of full scale (-60 dB) on either side of their middle",
    "cancelled": f"channels cancel each other: one has {SILENT:g} of full scale or more, and their mean has less",
    "clipped": f"{CLIPPED:.1%} or more of the samples are at full scale ({FULL:g} or above)",
    "short": f"shorter than {SHORT:g} s",
    "long": f"longer than {LONG:g} s",
}

KEYS = 20
"""named of each kind, at most"""


def find(rows: Sequence[Row], root: Path) -> dict[str, dict[str, Any]]:
    """Decode a corpus's recordings and list its outliers, of which a recording may be several.

    Returns:
        For each of `RULES`: `rule`, `count`, and `keys`, the first `KEYS` of them in the order of the rows.

    Raises:
        UserError: a recording cannot be decoded.
    """
    found: dict[str, list[str]] = {kind: [] for kind in RULES}
    with Progress(len(rows), "outliers") as progress:
        measured = in_threads(lambda row: measure(root / row.wav), rows, worker_count(None))
        for row, recording in zip(rows, measured, strict=True):
            for kind in kinds(recording):
                found[kind].append(row.key)
            progress.update()
    return {kind: {"rule": RULES[kind], "count": len(keys), "keys": keys[:KEYS]} for kind, keys in found.items()}


def kinds(recording: Measured) -> list[str]:
    """Which of `RULES` hold for a recording."""
    seconds = recording.frames / recording.rate
    true = {
        "silent": recording.loudest < SILENT,
        "cancelled": recording.swing < SILENT <= recording.loudest,
        "clipped": recording.full >= CLIPPED,
        "short": seconds < SHORT,
        "long": seconds > LONG,
    }
    return [kind for kind in RULES if true[kind]]


def summary(found: Mapping[str, Mapping[str, Any]]) -> str:
    """How many there are of each kind, as `1 silent, 3 short`; "" when there is none."""
    return ", ".join(f"{said['count']} {kind}" for kind, said in found.items() if said["count"])
