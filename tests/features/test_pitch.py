"""F0 by our own autocorrelation against Praat's, on synthetic sounds."""

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import next_fast_len

from pipeline.features.prosody.brent import largest
from pipeline.features.prosody.f0 import f0_tracks, praat_f0
from pipeline.features.prosody.pitch import Analysis, fast_length
from pipeline.features.prosody.pitch_path import best_path_of_parts, best_paths, lattice
from pipeline.features.prosody.sinc import DEGREE, interpolation, values

few = drawn(15)


def voice(rng, samples, fs):
    """Gliding harmonics that come and go, over noise, off zero."""
    t = np.arange(samples) / fs
    pitch = rng.uniform(80, 330) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.3, 3) * t))
    phase = 2 * np.pi * np.cumsum(pitch) / fs
    tone = sum(rng.uniform(0.2, 1) * np.sin(k * phase + k) / k for k in range(1, 9))
    gate = np.clip(2 * np.sin(2 * np.pi * rng.uniform(1, 4) * t + rng.uniform(0, 6)), 0, 1)
    return 0.1 * tone * gate + 10 ** rng.uniform(-5, -1.5) * rng.standard_normal(samples) + rng.uniform(-0.1, 0.1)


SOUNDS = {
    "voice": lambda rng, n: voice(rng, n, 16000),
    "noise": lambda rng, n: rng.standard_normal(n),
    "tone in noise": lambda rng, n: (
        np.sin(rng.uniform(0.02, 2.8) * np.arange(n)) + 10 ** rng.uniform(-3, 0) * rng.standard_normal(n)
    ),
    "pulses": lambda rng, n: (np.arange(n) % int(rng.integers(20, 300)) == 0) + 1e-3 * rng.standard_normal(n),
    "clipped": lambda rng, n: np.clip(50 * voice(rng, n, 16000), -1, 1),
    "voice, then nothing": lambda rng, n: voice(rng, n, 16000) * (np.arange(n) < n // 2),
    "steps": lambda rng, n: np.round(40 * voice(rng, n, 16000)) / 40,
}


def assert_praats(waves, rate, floor, ceiling):
    for wave, ours in zip(waves, f0_tracks(waves, rate, floor, ceiling), strict=True):
        praat = praat_f0(wave, rate, floor, ceiling)
        np.testing.assert_array_equal(ours > 0, praat > 0)
        np.testing.assert_allclose(ours, praat, rtol=1e-8)


@few
@given(
    st.sampled_from(list(SOUNDS)),
    st.integers(0, 9999),
    st.integers(1, 24000),
    st.sampled_from([50.0, 60.0, 75.0, 97.3, 130.0]),
    st.sampled_from([300.0, 350.0, 500.0, 777.0]),
)
def test_f0_is_praats(sound, seed, samples, floor, ceiling):
    wave = SOUNDS[sound](np.random.default_rng(seed), samples)
    assert_praats([wave], 16000, floor, ceiling)


@pytest.mark.parametrize("sound", SOUNDS)
def test_f0_of_every_sound_is_praats(sound):
    waves = [SOUNDS[sound](np.random.default_rng(seed), samples) for seed, samples in enumerate([900, 8000, 16001])]
    assert_praats(waves, 16000, 60, 350)


@few
@given(st.integers(0, 9999), st.integers(2400, 30000))
def test_f0_at_48_khz_is_praats(seed, samples):
    assert_praats([voice(np.random.default_rng(seed), samples, 48000)], 48000, 60, 350)


@pytest.mark.parametrize("rate", [16000, 48000])
@pytest.mark.parametrize("floor", [50.0, 60.0, 97.3])
def test_the_shortest_sound_that_praat_takes(rate, floor):
    for samples in range(int(3 / floor * rate) - 2, int(3 / floor * rate) + 3):
        assert_praats([np.random.default_rng(samples).standard_normal(samples)], rate, floor, 350.0)


def test_unusual_ranges_are_praats_too():
    wave = voice(np.random.default_rng(0), 8000, 16000)
    for floor, ceiling in ((250.0, 600.0), (60.0, 5000.0)):
        assert not Analysis(16000, floor, ceiling, 0.01).possible
        (ours,) = f0_tracks([wave], 16000, floor, ceiling)
        np.testing.assert_array_equal(ours, praat_f0(wave, 16000, floor, ceiling))


def test_neither_batch_nor_order_changes_a_bit():
    rng = np.random.default_rng(3)
    waves = [voice(rng, int(rng.integers(500, 40000)), 16000) for _ in range(6)] + [np.zeros(5000), np.zeros(3)]
    alone = [f0_tracks([wave], 16000, 60, 500)[0] for wave in waves]
    for one, two, three in zip(
        alone, f0_tracks(waves, 16000, 60, 500), f0_tracks(waves[::-1], 16000, 60, 500)[::-1], strict=True
    ):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
    assert f0_tracks([], 16000, 60, 500) == []


def test_transforms_are_of_the_next_length_that_scipy_finds_fast():
    assert [fast_length(least) for least in range(2, 9000)] == [
        next_fast_len(least, real=True) for least in range(2, 9000)
    ]


def test_interpolation_is_by_windowed_sinc():
    depth, rng = 30, np.random.default_rng(0)
    samples = rng.standard_normal(2 * depth + 1)
    left, right = np.split(samples @ interpolation(depth), 2)
    for part in (0.0, 0.013, 0.4, 0.77, 1.0):
        for side, centre in ((left, depth - 1), (right, depth)):
            near = [(part + k, part + depth, samples[centre - k]) for k in range(depth)]
            near += [(1 - part + k, 1 - part + depth, samples[centre + 1 + k]) for k in range(depth)]
            wanted = sum(x * np.sinc(far) * (0.5 + 0.5 * np.cos(np.pi * far / end)) for far, end, x in near)
            assert values(side[:, None], np.array([2 * part - 1]))[0] == pytest.approx(wanted, abs=1e-13)
    assert left.shape == (DEGREE + 1,)


def test_largest_finds_every_maximum():
    rng = np.random.default_rng(1)
    peak, width = rng.uniform(-0.9, 0.9, 500) + 100, rng.uniform(0.5, 3, 500)

    def bump(x, which):
        return np.exp(-(((x - peak[which]) / width[which]) ** 2)) + 0.1 * np.cos(x - peak[which])

    place, height, unsure = largest(bump, np.full(500, 99.0), np.full(500, 101.0))
    np.testing.assert_allclose(place, peak, atol=1e-5)
    np.testing.assert_allclose(height, 1.1, rtol=1e-12)
    assert not unsure.all()
    assert all(len(found) == 0 for found in largest(bump, np.zeros(0), np.zeros(0)))


def test_places_that_rounding_decides_are_unsure():
    flat = largest(lambda x, which: np.ones(len(x)), np.zeros(3), np.ones(3))
    assert flat[2].all()


def test_the_path_is_the_best_of_all():
    rng = np.random.default_rng(2)
    for _ in range(20):
        frames = int(rng.integers(1, 6))
        frame = np.sort(rng.integers(0, frames, 2 * frames))
        frequency, strength = rng.uniform(80, 450, 2 * frames), rng.uniform(0, 1, 2 * frames)
        unvoiced = rng.uniform(0.2, 0.8, frames)
        (found,) = best_paths([lattice(unvoiced, frame, frequency, strength, 350.0)], 0.01)

        def choices(at, frame=frame, frequency=frequency, strength=strength, unvoiced=unvoiced):
            of = [i for i in np.flatnonzero(frame == at) if frequency[i] <= 350]
            return [(0.0, unvoiced[at])] + [
                (frequency[i], strength[i] - 0.01 * np.log2(350 / frequency[i])) for i in of
            ]

        paths = [(0.0, ())]
        for at in range(frames):
            paths = [
                (total + gain - (cost(before[-1], f) if before else 0), (*before, f))
                for total, before in paths
                for f, gain in choices(at)
            ]
        assert found.tolist() == list(max(paths)[1])


def test_neither_other_utterances_nor_their_order_change_a_path():
    rng = np.random.default_rng(4)
    lattices = []
    for frames in (1, 40, 3, 17, 16, 40, 1, 33):
        frame = np.sort(rng.integers(0, frames, int(rng.integers(0, 9)) * frames))
        frequency, strength = rng.uniform(80, 350, len(frame)), rng.uniform(0, 1, len(frame))
        lattices.append(lattice(rng.uniform(0.2, 0.8, frames), frame, frequency, strength, 350.0))
    for one, path in zip(lattices, best_paths(lattices, 0.01), strict=True):
        np.testing.assert_array_equal(path, best_paths([one], 0.01)[0])
        np.testing.assert_array_equal(path, best_path_of_parts([one], 0.01))


def cost(one, two):
    if one and two:
        return 0.35 * abs(np.log2(one / two))
    return 0.14 if one or two else 0.0
