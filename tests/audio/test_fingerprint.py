"""Fingerprints: equal for equal samples, near for copies, and far for all else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.fingerprint import BITS, HOP, Fingerprint, Fingerprinter, bit_errors, fingerprint
from pipeline.audio.fingerprint import RATE as FINGERPRINT_RATE
from pipeline.audio.fingerprint_index import near_pairs
from pipeline.audio.limits import LONGEST

RATE = 16000


def noise(seed, seconds=1.0):
    """Noise whose level changes every 0.1 s, (samples,)."""
    rng = np.random.default_rng(seed)
    return (
        0.1
        * rng.standard_normal(round(seconds * RATE))
        * np.repeat(rng.uniform(0.2, 1, 100), 1600)[: round(seconds * RATE)]
    )


def tone(frequency, seconds=1.0):
    return 0.5 * np.sin(2 * np.pi * frequency / RATE * np.arange(round(seconds * RATE)))


def in_blocks(samples, size, rate=RATE):
    fingerprinter = Fingerprinter(rate)
    for start in range(0, len(samples), size):
        fingerprinter.add(samples[start : start + size])
    return fingerprinter.fingerprint()


@pytest.mark.parametrize("size", [1, 100, 4096, 15999, 16000])
def test_blocks_make_no_difference(size):
    whole, pieces = fingerprint(noise(0), RATE), in_blocks(noise(0), size)
    assert whole.digest == pieces.digest
    assert whole.words.tolist() == pieces.words.tolist()
    assert whole.compared.tolist() == pieces.compared.tolist()


def test_ten_minutes_take_the_memory_of_blocks_and_words():
    import tracemalloc

    fingerprinter, block = Fingerprinter(RATE), noise(0, 10.0)
    fingerprinter.add(block)
    tracemalloc.start()
    for _ in range(59):
        fingerprinter.add(block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_a_word_has_as_many_bits_as_there_are_pairs_of_bands():
    assert BITS == 32
    one = fingerprint(noise(0), RATE)
    assert one.words.dtype == np.uint32
    assert one.words.shape == one.compared.shape == ((5000 - 640) // 40,)


@given(st.integers(0, 9), st.floats(0.05, 3))
def test_a_gain_changes_next_to_nothing(seed, gain):
    errors, frames = bit_errors(fingerprint(noise(seed), RATE), fingerprint(gain * noise(seed), RATE), 0)
    assert errors < 0.01
    assert frames > 80


def test_digests_are_of_samples_at_a_rate():
    digests = {
        fingerprint(samples, rate).digest for samples, rate in [(noise(0), RATE), (noise(1), RATE), (noise(0), 8000)]
    }
    assert len(digests) == 3
    sixteen_bits = np.rint(32768 * noise(0)) / 32768
    assert fingerprint(sixteen_bits + 1e-6, RATE).digest == fingerprint(sixteen_bits, RATE).digest


@pytest.mark.parametrize(
    "samples", [np.zeros(0), np.zeros(1), np.zeros(RATE), np.full(RATE, 0.3), tone(440), noise(0, 0.1)]
)
def test_what_has_nothing_to_compare_has_no_copies(samples):
    one = fingerprint(samples, RATE)
    assert not list(near_pairs([one, one]))


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(RATE), np.full(RATE, 0.3), 1e-5 * tone(440)])
def test_samples_of_one_value_are_no_content(samples):
    assert fingerprint(samples, RATE).constant
    assert not fingerprint(np.append(samples, 0.1), RATE).constant or not len(samples)


def test_tones_are_told_apart():
    swelling = np.linspace(0, 1, RATE)
    assert not list(near_pairs([fingerprint(swelling * tone(f), RATE) for f in range(200, 1200, 100)]))


def test_pairs_among_many():
    alone = [fingerprint(noise(seed), RATE) for seed in range(8)]
    later = fingerprint(np.concatenate([np.zeros(3333), 0.5 * noise(2)]), RATE)
    cut = fingerprint(noise(5)[800:-800], RATE)
    assert set(near_pairs([*alone, later, cut])) == {(2, 8), (5, 9)}
    assert list(near_pairs([])) == list(near_pairs(alone[:1])) == []


def test_a_part_is_not_the_whole():
    assert not list(near_pairs([fingerprint(noise(0)[: 9 * RATE // 16], RATE), fingerprint(noise(0), RATE)]))


def test_offsets_may_be_anything():
    one = fingerprint(noise(0), RATE)
    assert bit_errors(one, one, len(one.words)) == bit_errors(one, one, -len(one.words)) == (1.0, 0)
    assert bit_errors(one, one, 0)[0] == 0
    assert bit_errors(one, one, 30)[0] > 0.35


def test_the_longest_recordings_are_compared():
    """One of 24 h whose end is the beginning of another."""
    frames = round(LONGEST * 3600 * FINGERPRINT_RATE / HOP)
    ends, words = np.zeros(frames, bool), np.arange(2 * frames, dtype=np.uint32)
    ends[-30:] = True
    one, other = words[:frames], words[frames:].copy()
    other[:30] = one[-30:]
    pair = [Fingerprint("a", one, ends), Fingerprint("b", other, ends[::-1])]
    assert list(near_pairs(pair)) == [(0, 1)]
    assert list(near_pairs(pair[::-1])) == [(0, 1)]
