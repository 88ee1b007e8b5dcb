"""Maxima of many functions at once, by Brent's method."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

GOLDEN = (3 - 5**0.5) / 2
STEPS = 60
TOLERANCE = 1e-10
NOISE = 1e-14
"""difference of two values that rounding may have made"""
EPSILON = (float(np.finfo(np.float64).eps) / 2) ** 0.5


def largest(
    value: Callable[[FloatArray, NDArray[np.int64]], FloatArray], low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Where functions of one variable are largest between `low` and `high`, how large, and how sure: (n,) each.

    Source: Brent, "Algorithms for minimization without derivatives" (1973), chapter 5: parabolas through the best
    three points, golden sections where these would not do. It stops within sqrt(eps) |x| of a maximum. A place is
    unsure when another one was as high but for `NOISE`: rounding then decided which of the two.

    Args:
        value: the functions' values, of places (m,) and of which functions (m,).
        low: lower ends.
        high: upper ends.
    """
    places, heights, unsure = np.empty_like(low), np.empty_like(low), np.zeros(len(low), np.bool_)
    which = np.arange(len(low))
    first = low + GOLDEN * (high - low)
    reached = -value(first, which)
    # Ends; best place, second best, and that before it; and the function's negative there.
    state = np.stack([low, high, first, first, first, reached, reached, reached])
    for step in range(STEPS + 1):
        a, b, x, w, v, fx, fw, fv = state
        middle = (a + b) / 2
        tolerance = EPSILON * np.abs(x) + TOLERANCE / 3
        going = np.abs(x - middle) + (b - a) / 2 > 2 * tolerance
        if step == STEPS:
            going[:] = False
        if not going.all():
            done, rest = np.flatnonzero(~going), np.flatnonzero(going)
            places[which[done]], heights[which[done]] = x[done], -fx[done]
            if not len(rest):
                break
            which, middle, tolerance = which[rest], middle[rest], tolerance[rest]
            state = state.take(rest, axis=1)
            a, b, x, w, v, fx, fw, fv = state
        move = GOLDEN * np.where(x < middle, b - x, a - x)
        r = (x - w) * (fx - fv)
        q = (x - v) * (fx - fw)
        p = (x - v) * q - (x - w) * r
        q = 2 * (q - r)
        p *= -np.sign(q)
        q = np.abs(q)
        parabola = np.abs(x - w) >= tolerance
        parabola &= np.abs(p) < np.abs(move * q)
        parabola &= p > q * (a - x + 2 * tolerance)
        parabola &= p < q * (b - x - 2 * tolerance)
        np.divide(p, q, out=move, where=parabola)
        size = np.maximum(np.abs(move), tolerance)
        t = x + np.where(move > 0, size, -size)
        ft = -value(t, which)
        unsure[which[np.abs(ft - fx) < NOISE]] = True
        better = ft <= fx
        beside = np.where(better, x, t)
        below = (t < x) != better
        a[:], b[:] = np.where(below, beside, a), np.where(below, b, beside)
        second = ft <= fw
        second |= w == x
        second |= better
        third = ft <= fv
        third |= (v == x) | (v == w)
        v[:], fv[:] = np.where(second, w, np.where(third, t, v)), np.where(second, fw, np.where(third, ft, fv))
        w[:], fw[:] = np.where(better, x, np.where(second, t, w)), np.where(better, fx, np.where(second, ft, fw))
        x[:], fx[:] = np.where(better, t, x), np.where(better, ft, fx)
    return places, heights, unsure
