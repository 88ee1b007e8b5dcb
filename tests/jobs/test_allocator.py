"""Memory that a training frees stays with the process while it trains, and no longer."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.jobs import allocator
from pipeline.jobs.allocator import freed_memory_kept
from pipeline.jobs.executors import training

CODE = """
import os
from pathlib import Path
import numpy as np
from pipeline.jobs.allocator import freed_memory_kept

BLOCK = 200 << 20

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def used_and_freed():
    np.ones(BLOCK // 8)

used_and_freed()
before = resident()
with freed_memory_kept():
    used_and_freed()
    kept = resident() - before
released = resident() - before
used_and_freed()
print(kept > 0.9 * BLOCK, released < 0.1 * BLOCK, resident() - before < 0.1 * BLOCK, kept, released)
"""
"""in a process of its own: one that ran before has free memory, of which the block may take a part"""


@pytest.mark.skipif(allocator._glibc() is None or not Path("/proc/self/statm").exists(), reason="there is no glibc")
def test_what_is_freed_stays_and_is_given_back_at_the_end():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.stdout.startswith("True True True "), done.stdout + done.stderr


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


@pytest.mark.parametrize("network", [True, False])
def test_a_training_keeps_what_networks_free(monkeypatch, network):
    library = Library()
    monkeypatch.setattr(allocator, "_glibc", lambda: library)
    with training(network):
        assert library.calls == ([*allocator.KEPT.items()] if network else [])


@pytest.mark.parametrize("reason", [OSError, TypeError, None])
def test_other_c_libraries_are_left_alone(monkeypatch, reason):
    def opened(_):
        if reason:
            raise reason
        return object()

    monkeypatch.setattr(allocator.ctypes, "CDLL", opened)
    with freed_memory_kept():
        assert allocator._glibc() is None
