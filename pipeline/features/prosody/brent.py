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
    a, b = low.copy(), high.copy()
    x = a + GOLDEN * (b - a)
    fx = -value(x, which)
    v, w, fv, fw = x.copy(), x.copy(), fx.copy(), fx.copy()
    for step in range(STEPS + 1):
        middle = (a + b) / 2
        tolerance = EPSILON * np.abs(x) + TOLERANCE / 3
        going = np.abs(x - middle) + (b - a) / 2 > 2 * tolerance
        if step == STEPS:
            going[:] = False
        if not going.all():
            places[which[~going]], heights[which[~going]] = x[~going], -fx[~going]
            which = which[going]
            if not len(which):
                break
            state = (a, b, x, v, w, fx, fv, fw, middle, tolerance)
            a, b, x, v, w, fx, fv, fw, middle, tolerance = (values[going] for values in state)
        move = GOLDEN * np.where(x < middle, b - x, a - x)
        r = (x - w) * (fx - fv)
        q = (x - v) * (fx - fw)
        p = (x - v) * q - (x - w) * r
        q = 2 * (q - r)
        p = np.where(q > 0, -p, p)
        q = np.abs(q)
        parabola = np.abs(x - w) >= tolerance
        parabola &= np.abs(p) < np.abs(move * q)
        parabola &= p > q * (a - x + 2 * tolerance)
        parabola &= p < q * (b - x - 2 * tolerance)
        move = np.where(parabola, p / np.where(parabola, q, 1.0), move)
        move = np.where(np.abs(move) < tolerance, np.where(move > 0, tolerance, -tolerance), move)
        t = x + move
        ft = -value(t, which)
        unsure[which[np.abs(ft - fx) < NOISE]] = True
        better = ft <= fx
        left = t < x
        a, b = np.where(left == better, a, np.where(better, x, t)), np.where(left == better, np.where(better, x, t), b)
        second = ~better & ((ft <= fw) | (w == x))
        third = ~better & ~second & ((ft <= fv) | (v == x) | (v == w))
        shift = better | second
        v, fv = np.where(shift, w, np.where(third, t, v)), np.where(shift, fw, np.where(third, ft, fv))
        w, fw = np.where(better, x, np.where(second, t, w)), np.where(better, fx, np.where(second, ft, fw))
        x, fx = np.where(better, t, x), np.where(better, ft, fx)
    return places, heights, unsure
