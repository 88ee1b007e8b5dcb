"""How what is measured grows with the number of recordings: an exponent, and a line."""

from collections.abc import Sequence

import numpy as np

EXPONENTS = np.arange(0.5, 2.505, 0.01)


def exponent(counts: Sequence[int], values: Sequence[float], noise: float = 0.0) -> float:
    """The exponent c of a + b n^c, a and b not negative, which is nearest to values in relative error.

    Where several are about as near, as of what hardly grows, it is the least of them.

    Args:
        counts: n, three at least, ascending.
        values: at each, above 0.
        noise: relative error up to which a value is as near as can be told.
    """
    from scipy.optimize import nnls

    n, target = np.array(counts, float) / counts[-1], np.array(values)
    columns = (np.stack([np.ones_like(n), n**c], axis=1) / target[:, None] for c in EXPONENTS)
    errors = np.round([nnls(column, np.ones_like(target))[1] for column in columns], 9)
    near = max(float(errors.min()), noise * np.sqrt(len(n)))
    return float(EXPONENTS[int(np.argmax(errors <= near))])


def line(counts: Sequence[int], values: Sequence[float]) -> tuple[float, float]:
    """The start, and the growth with each recording, of the line that is nearest to values (least squares).

    Args:
        counts: two at least, ascending.
        values: at each.
    """
    slope, start = np.polyfit(counts, values, 1)
    return float(start), float(slope)
