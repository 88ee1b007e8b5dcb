"""The best path through the F0 candidates of an utterance's frames (Boersma 1993, equations 24 to 27)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

OCTAVE, OCTAVE_JUMP, VOICING_CHANGE = 0.01, 0.35, 0.14
"""costs of equations 24 and 27, the latter two for 10 ms"""

TOGETHER = 16
"""frames whose costs are computed at once"""


@dataclass(frozen=True)
class Lattice:
    """Candidates by frame: the unvoiced one (frequency 0) first; strength is -inf where there is none."""

    frequency: FloatArray
    """Hz: (frames, candidates)"""
    strength: FloatArray


def lattice(
    unvoiced: FloatArray, frame: IntArray, frequency: FloatArray, strength: FloatArray, ceiling: float
) -> Lattice:
    """Arrange the candidates of an utterance, those above the ceiling left out.

    Args:
        unvoiced: strength of the unvoiced candidate of each frame, (frames,).
        frame: of each voiced candidate, ascending, (candidates,).
        frequency: of each (Hz).
        strength: of each, before high frequencies are favoured.
        ceiling: highest F0 (Hz).
    """
    within = frequency <= ceiling
    frame, frequency, strength = frame[within], frequency[within], strength[within]
    place = 1 + np.arange(len(frame)) - np.searchsorted(frame, frame)
    width = 1 + int(place.max(initial=0))
    frequencies, strengths = np.zeros((len(unvoiced), width)), np.full((len(unvoiced), width), -np.inf)
    strengths[:, 0] = unvoiced
    frequencies[frame, place] = frequency
    strengths[frame, place] = strength - OCTAVE * np.log2(ceiling / frequency)
    return Lattice(frequencies, strengths)


def best_paths(lattices: Sequence[Lattice], step: float) -> list[FloatArray]:
    """The F0 (Hz, 0 where unvoiced) of each utterance, (frames,): that of the strongest path, less its costs.

    All utterances go forward together, frame by frame; none changes another's path.

    Args:
        lattices: of the utterances.
        step: between frames (s).
    """
    # The longest first: those that have a frame are then the first `going` of that frame.
    order = sorted(range(len(lattices)), key=lambda i: -len(lattices[i].frequency))
    lengths = np.array([len(lattices[i].frequency) for i in order])
    count, frames = len(order), int(lengths[0])
    going = np.searchsorted(-lengths, -np.arange(frames + 1)).tolist()
    width = max(one.frequency.shape[1] for one in lattices)
    frequency, strength = np.zeros((frames, count, width)), np.full((frames, count, width), -np.inf)
    for place, i in enumerate(order):
        rows, columns = lattices[i].frequency.shape
        frequency[:rows, place, :columns] = lattices[i].frequency
        strength[:rows, place, :columns] = lattices[i].strength

    octaves = _octaves(frequency)
    # Most frames have far fewer candidates than the one that has most.
    widths = (width - (strength.max(axis=1) > -np.inf)[:, ::-1].argmax(axis=1)).tolist()
    origin, last = np.zeros((frames, count, width), np.int16), np.zeros(count, np.int64)
    best = strength[0]
    last[going[1] :] = best[going[1] :].argmax(axis=1)
    for first in range(1, frames, TOGETHER):
        stop = min(first + TOGETHER, frames)
        some, wide = going[first], max(widths[first - 1 : stop])
        costs = _costs(octaves[first:stop, :some, :wide], octaves[first - 1 : stop - 1, :some, :wide], 0.01 / step)
        values = np.full(costs.shape, -np.inf)  # of the best paths to each candidate by each of those before
        best = _widened(best[:, :wide], wide, -np.inf)
        for frame, (cost, value) in enumerate(zip(costs, values, strict=True), first):
            here, after = going[frame], going[frame + 1]
            np.subtract(best[:here, None], cost[:here], out=value[:here])
            value[:here] += strength[frame, :here, :wide, None]
            best = value[:here].max(axis=2)
            if after < here:
                last[after:here] = best[after:].argmax(axis=1)
        origin[first:stop, :some, :wide] = values.argmax(axis=3)

    places, rows = np.zeros((frames, count), np.int64), np.arange(count)
    for frame in range(frames - 1, -1, -1):
        here = going[frame]
        places[frame] = last
        last[:here] = origin[frame, rows[:here], last[:here]]
    path = np.take_along_axis(frequency, places[:, :, None], axis=2)[:, :, 0]
    return [path[: lengths[place], place] for place in np.argsort(order)]


def best_path_of_parts(parts: Iterable[Lattice], step: float) -> FloatArray:
    """`best_paths` of one utterance whose lattice comes in parts of consecutive frames, of which little is kept."""
    frequencies: list[FloatArray] = []
    origins: list[NDArray[np.int16]] = []
    best, last = np.zeros(0), np.zeros((0, 1))
    for part in parts:
        width = max(part.frequency.shape[1], len(best))
        frequency, strength = _widened(part.frequency, width, 0.0), _widened(part.strength, width, -np.inf)
        best, last = _widened(best, width, -np.inf), _widened(last, width, 0.0)
        origin = np.zeros(frequency.shape, np.int16)
        if not origins:
            best = strength[0]
        octaves = _octaves(np.concatenate([last, frequency]))
        costs = _costs(octaves[1:], octaves[:-1], 0.01 / step)
        for frame, cost in enumerate(costs, len(frequency) - len(costs)):
            value = best - cost
            value += strength[frame, :, None]
            origin[frame], best = value.argmax(axis=1), value.max(axis=1)
        last = frequency[-1:]
        frequencies.append(frequency)
        origins.append(origin)
    place, path = int(best.argmax()), []
    for frequency, origin in zip(reversed(frequencies), reversed(origins), strict=True):
        for frame in range(len(frequency) - 1, -1, -1):
            path.append(frequency[frame, place])
            place = origin[frame, place]
    return np.array(path[::-1])


def _widened(values: FloatArray, width: int, fill: float) -> FloatArray:
    """With places (..., width) for more candidates."""
    if values.shape[-1] == width:
        return values
    more = [(0, 0)] * (values.ndim - 1) + [(0, width - values.shape[-1])]
    return np.pad(values, more, constant_values=fill)


def _octaves(frequency: FloatArray) -> FloatArray:
    """Frequencies (Hz) on a logarithmic scale; those of unvoiced candidates are not used."""
    octaves: FloatArray = np.log2(np.maximum(frequency, 1.0))
    return octaves


def _costs(to: FloatArray, origin: FloatArray, correction: float) -> FloatArray:
    """Costs of going to each candidate (octaves, (..., to)) from each of the frame before: (..., to, from)."""
    costs: FloatArray = to[..., :, None] - origin[..., None, :]
    np.abs(costs, out=costs)
    costs *= OCTAVE_JUMP * correction
    # The unvoiced candidate is the first of each frame, all others are voiced or missing.
    costs[..., 0, :] = costs[..., :, 0] = VOICING_CHANGE * correction
    costs[..., 0, 0] = 0.0
    return costs
