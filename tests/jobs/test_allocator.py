"""Memory that a training frees stays with the process while it trains, and no longer."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.jobs import allocator
from pipeline.jobs.allocator import freed_memory_kept

BLOCK = 200 << 20
"""bytes"""


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(allocator._glibc() is None or not Path("/proc/self/statm").exists(), reason="there is no glibc")
def test_what_is_freed_stays_and_is_given_back_at_the_end():
    def used_and_freed():
        np.ones(BLOCK // 8)

    used_and_freed()
    before = resident()
    with freed_memory_kept():
        used_and_freed()
        kept = resident() - before
    assert kept > 0.9 * BLOCK
    assert resident() - before < 0.1 * BLOCK
    used_and_freed()
    assert resident() - before < 0.1 * BLOCK


class Library:
    def __init__(self):
        self.calls = []

    def mallopt(self, number, value):
        self.calls.append((number, value))

    def malloc_trim(self, _):
        self.calls.append("trimmed")


def test_an_error_leaves_the_usual_values(monkeypatch):
    library = Library()
    monkeypatch.setattr(allocator, "_glibc", lambda: library)
    with freed_memory_kept():
        assert library.calls == [*allocator.KEPT.items()]
    library.calls.clear()
    with pytest.raises(KeyError), freed_memory_kept():
        raise KeyError
    assert library.calls == [*allocator.KEPT.items(), *allocator.USUAL.items(), "trimmed"]


@pytest.mark.parametrize("reason", [OSError, TypeError, None])
def test_other_c_libraries_are_left_alone(monkeypatch, reason):
    def opened(_):
        if reason:
            raise reason
        return object()

    monkeypatch.setattr(allocator.ctypes, "CDLL", opened)
    with freed_memory_kept():
        assert allocator._glibc() is None
