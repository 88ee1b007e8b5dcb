"""Recordings out of the ordinary, for a look before they are trained on: silent, clipped, very short or very long.

Silence is looked for in the samples that are used, those of the mean of the channels; clipping in the channels.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.audio.examination import FULL, Measures

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


def find(recordings: Mapping[str, Measures]) -> dict[str, dict[str, Any]]:
    """List a corpus's outliers, of which a recording may be several.

    Args:
        recordings: key -> what the recording measures.

    Returns:
        For each of `RULES`: `rule`, `count`, and `keys`, the first `KEYS` of them in the order given.
    """
    found: dict[str, list[str]] = {kind: [] for kind in RULES}
    for key, measures in recordings.items():
        for kind in kinds(measures):
            found[kind].append(key)
    return {kind: {"rule": RULES[kind], "count": len(keys), "keys": keys[:KEYS]} for kind, keys in found.items()}


def kinds(recording: Measures) -> list[str]:
    """Which of `RULES` hold for a recording."""
    true = {
        "silent": recording.loudest < SILENT,
        "cancelled": recording.swing < SILENT <= recording.loudest,
        "clipped": recording.full >= CLIPPED,
        "short": recording.seconds < SHORT,
        "long": recording.seconds > LONG,
    }
    return [kind for kind in RULES if true[kind]]


def summary(found: Mapping[str, Mapping[str, Any]]) -> str:
    """How many there are of each kind, as `1 silent, 3 short`; "" when there is none."""
    return ", ".join(f"{said['count']} {kind}" for kind, said in found.items() if said["count"])
