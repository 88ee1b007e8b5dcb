"""Multinomial logistic regression of a large table, at many strengths and on many parts of it, all at once.

One fit after another reads the table from memory twice for each of its steps, and that is what it waits for. Here one
product of matrices makes the step of all fits: each part's standardisation is in the weights that the table is
multiplied by, and its rows are in the weights of the utterances.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pipeline.systems.logistic import logistic_path, softmax, standard
from pipeline.systems.many_lbfgs import FloatArray, Steps, inner, spread
from pipeline.systems.soft_labels import tilted

Rows = NDArray[np.floating]
"""numbers in single or in double precision"""
Mask = NDArray[np.bool_]
Fit = tuple[FloatArray, FloatArray]
"""weights (classes, dims) of standardised vectors, and biases (classes,)"""

LARGE = 1 << 23
"""values of a table that fits are worth their sharing of; of less scikit-learn's own take seconds"""

TOLERANCE = 1e-8
"""of the gradient, where scikit-learn stops at 1e-4: probabilities are the optimum's to 1e-6 for what was fitted to,
and to 1e-4 for other utterances, which weights that the penalty hardly holds may move"""

STEPS = 1000
"""of a fit, at most, in each precision"""

PATIENCE = 50
"""steps in single precision without a smaller gradient, after which rounding is taken to hide the way"""

NARROW = 0.01
"""deviation in a part, of that in the table, below which single precision has too few digits of a column"""

FAR = 1e-3
"""gradient at which a fit did not come near its end, as one of no penalty to speak of may: scikit-learn fits it"""

LENGTHS = 8
"""of a step that are tried, at most"""

LEVEL = 0.1
"""slope along a step, of that where it starts, at which it is long enough"""

FLAT = 1e-12
"""curvature along a bias, at least: where all probabilities are 0 or 1 there is none to divide by"""

BLOCK = 512
"""rows that are copied at a time, to double precision or by a product"""

AXES = 256
"""directions in which the preconditioner knows how much the table varies"""


@dataclass(frozen=True)
class Part:
    """What was fitted to a part of a table.

    Attributes:
        mean: of its rows, (dims,).
        scale: their deviation, (dims,); 1 for what never varies.
        fits: to its standardised rows, one for each strength.
    """

    mean: FloatArray
    scale: FloatArray
    fits: list[Fit]


@dataclass(frozen=True)
class Fits:
    """P fits to parts of a table of N rows.

    Attributes:
        mean: of each part's rows, (P, dims).
        scale: their deviation, (P, dims); infinite for what never varies in the part.
        part: the number of its part, (P,).
        shares: how much each row counts in the loss, (P, N), 0 outside of the part; they sum to 1.
        penalty: of half the squared weights, (P,): 1 / (C times the part's rows), as the loss is a mean.
    """

    mean: FloatArray
    scale: FloatArray
    part: NDArray[np.int64]
    shares: FloatArray
    penalty: FloatArray

    def __getitem__(self, chosen: Mask) -> "Fits":
        mean, scale, part = self.mean[chosen], self.scale[chosen], self.part[chosen]
        return Fits(mean, scale, part, self.shares[chosen], self.penalty[chosen])

    def penalties(self, dims: int) -> FloatArray:
        """Of each unknown, (P, 1, dims + 1); the biases, which come last, have none."""
        return np.pad(np.repeat(self.penalty[:, None, None], dims, axis=2), ((0, 0), (0, 0), (0, 1)))


def is_large(table: FloatArray) -> bool:
    """Whether `logistic_sweep` is the way to fit to a table (N, dims); with fewer rows than columns their span is."""
    return table.size >= LARGE and len(table) >= table.shape[1]


def logistic_sweep(
    table: FloatArray,
    truth: FloatArray,
    parts: Sequence[NDArray[np.int64]],
    strengths: Sequence[float],
    balanced: bool,
    tolerance: float = TOLERANCE,
) -> list[Part]:
    """scikit-learn's `LogisticRegression` of each part's standardised rows at each C.

    The same problem, solved by L-BFGS in single precision, and from where that gets no further in double; in double
    from the start where single precision has too few digits of a column.

    Args:
        table: vectors (N, dims).
        truth: (N, classes) share of each class in each row, summing to 1; labels are shares of 1.
        parts: the rows of each; all classes are in each.
        strengths: inverse ones, of the penalty.
        balanced: whether classes are weighted inversely to their frequency.
        tolerance: of the gradient's largest number.
    """
    centre, width = standard(table)
    mean, scale = moments(table, parts, centre, width)
    soft, shares = _weighted(truth, parts, balanced)
    fits, outputs = _fits(parts, mean, scale, shares, strengths), outputs_of(truth.shape[1])
    found = np.zeros((len(fits.penalty), len(outputs), table.shape[1] + 1))
    slope = np.full(len(fits.penalty), np.inf)
    for precision, patience in ((np.float32, PATIENCE), (np.float64, STEPS)):
        left = slope > tolerance
        if left.any() and (precision is np.float64 or fits.scale.min() >= NARROW):
            rows = standardised(table, centre, width, precision)
            found[left], slope[left] = Descent(rows, soft, outputs, tolerance).run(fits[left], found[left], patience)
            del rows  # before there are those of the next precision
    found[..., :-1][np.repeat(np.isinf(fits.scale)[:, None], len(outputs), axis=1)] = 0
    whole = np.einsum("qc,pqd->pcd", outputs, found)
    each = [(weights[:, :-1], weights[:, -1]) for weights in whole]
    centres, scales = centre + mean * width, np.where(np.isinf(scale), 1, scale * width)
    for number in np.flatnonzero(slope > FAR).tolist():
        part, strength = divmod(number, len(strengths))
        z = (table[parts[part]] - centres[part]) / scales[part]
        (each[number],) = logistic_path(z, truth[parts[part]], [strengths[strength]], balanced)
    if short := int(((slope > tolerance) & (slope <= FAR)).sum()):
        warnings.warn(
            f"logistic regression: {short} of {len(slope)} fits end near the optimum, not at it", stacklevel=2
        )
    fitted = iter(each)
    return [Part(*own, [*islice(fitted, len(strengths))]) for own in zip(centres, scales, strict=True)]


def outputs_of(classes: int) -> FloatArray:
    """What the scores of classes are made of, (outputs, classes).

    They sum to 0, where they are more than two, so that there is an output less than classes; of two, it is the
    second's log odds, as it is scikit-learn's.
    """
    centred = np.linalg.qr(np.eye(classes) - 1 / classes)[0].T[:-1]
    return np.array([[0.0, 1.0]]) if classes == 2 else centred


def standardised(table: Rows, centre: FloatArray, width: FloatArray, precision: type[np.floating]) -> Rows:
    """The rows of a table (N, dims), a block after the other, so that there is no third one in memory."""
    rows = np.empty(table.shape, precision)
    for start in range(0, len(table), BLOCK):
        rows[start : start + BLOCK] = (table[start : start + BLOCK] - centre) / width
    return rows


def _weighted(truth: FloatArray, parts: Sequence[NDArray[np.int64]], balanced: bool) -> tuple[FloatArray, FloatArray]:
    """Of each part the shares of classes (parts, classes, N), and how much each row counts (parts, N)."""
    soft, shares = np.empty((len(parts), truth.shape[1], len(truth))), np.zeros((len(parts), len(truth)))
    for number, part in enumerate(parts):
        sizes = truth[part].sum(axis=0)
        own, weights = tilted(truth, 1 / (sizes * len(sizes)) if balanced else np.full(len(sizes), 1 / len(part)))
        soft[number], shares[number, part] = own.T, weights[part]
    return soft, shares


def _fits(
    parts: Sequence[NDArray[np.int64]],
    mean: FloatArray,
    scale: FloatArray,
    shares: FloatArray,
    strengths: Sequence[float],
) -> Fits:
    """A fit of each part at each strength, one part after the other."""
    penalty = [1 / (strength * len(part)) for part in parts for strength in strengths]
    each = np.repeat(np.arange(len(parts)), len(strengths))
    return Fits(mean[each], scale[each], each, shares[each], np.array(penalty))


def moments(
    table: FloatArray, parts: Sequence[NDArray[np.int64]], centre: FloatArray, width: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of each part's rows, (parts, dims) twice, once the table is standardised; it is read once.

    The few columns are read again that vary little in a part, as digits cancel there. Of what never varies in a part
    the deviation is infinite.
    """
    members = np.zeros((len(parts), len(table)))
    for own, part in zip(members, parts, strict=True):
        own[part] = 1 / len(part)
    sums, squares = np.zeros((2, len(parts), table.shape[1]))
    for start in range(0, len(table), BLOCK):
        block = (table[start : start + BLOCK] - centre) / width
        sums += members[:, start : start + BLOCK] @ block
        squares += members[:, start : start + BLOCK] @ np.square(block)
    scale = np.sqrt(np.maximum(squares - np.square(sums), 0))
    for own, deviation, part in zip(sums, scale, parts, strict=True):
        for column in np.flatnonzero(deviation < NARROW):
            values = table[part, column]
            own[column] = (values.mean() - centre[column]) / width[column]
            deviation[column] = values.std() / width[column] if values.std() > 1e-8 else np.inf
    return sums, scale


@dataclass(frozen=True)
class Curvature:
    """How the loss of P fits bends, the penalty left out.

    Attributes:
        axes: along each of the first principal axes, (P, k).
        others: along all others, which are taken to be alike, (P,).
        bias: along the biases, (P,).
    """

    axes: FloatArray
    others: FloatArray
    bias: FloatArray


class Descent:
    """L-BFGS of many fits to one table, each along the best step in its direction.

    The unknowns of P fits are (P, outputs, dims + 1), weights and, last, biases. It computes in the rows' precision.

    Args:
        rows: (N, dims), standardised.
        truth: shares of classes, of each part, (parts, classes, N).
        outputs: what the scores of classes are made of, (outputs, classes).
        tolerance: of the gradient's largest number.
    """

    def __init__(self, rows: Rows, truth: FloatArray, outputs: FloatArray, tolerance: float) -> None:
        self.rows, self.tolerance, self.outputs = rows, tolerance, outputs.astype(rows.dtype)
        self.truth = truth.astype(rows.dtype)
        self.axes, self.rest = principal_axes(rows)
        along = rows @ self.axes
        self.squares = np.square(along, out=along)

    def run(self, fits: Fits, start: FloatArray, patience: int) -> tuple[FloatArray, FloatArray]:
        """Go on from the unknowns `start`: where the gradient's largest number was smallest, and that number, (P,).

        Args:
            fits: P of them.
            start: (P, outputs, dims + 1).
            patience: steps without a smaller gradient, after which a fit is left.
        """
        at, scores, steps = start, self.scores(start, fits), Steps()
        found, smallest = start.copy(), np.full(len(start), np.inf)
        left, since = np.arange(len(start)), np.zeros(len(start), np.int64)
        likely = self.likely(scores)
        gradient = self.gradient(at, likely, fits)
        for _ in range(STEPS):
            largest = np.abs(gradient).max(axis=(1, 2))
            better = largest < smallest[left]
            found[left[better]], smallest[left[better]] = at[better], largest[better]
            since = np.where(better, 0, since + 1)
            on = (largest > self.tolerance) & (since < patience)  # not where it is NaN
            if not on.any():
                break
            if not on.all():
                left, since, steps, fits = left[on], since[on], steps.kept(on), fits[on]
                at, scores, likely, gradient = at[on], scores[on], likely[on], gradient[on]
            direction = steps.direction(
                gradient, partial(self.inverse, curvature=self.curvature(likely, fits), fits=fits)
            )
            slopes = self.scores(direction, fits)
            length = spread(self.length(at, direction, scores, slopes, fits, inner(gradient, direction)))
            move = length * direction
            at, scores = at + move, scores + length * slopes
            likely = self.likely(scores)
            before, gradient = gradient, self.gradient(at, likely, fits)
            steps.add(move, gradient - before)
        return found, smallest

    def scores(self, unknowns: FloatArray, fits: Fits) -> FloatArray:
        """Of all rows, (P, outputs, N)."""
        count, outputs, _ = unknowns.shape
        weights = unknowns[..., :-1] / fits.scale[:, None]
        offsets = unknowns[..., -1] - np.einsum("pqd,pd->pq", weights, fits.mean)
        product = times_rows(weights.reshape(count * outputs, -1).astype(self.rows.dtype), self.rows)
        return np.asarray(product.reshape(count, outputs, -1) + offsets[..., None], np.float64)

    def gradient(self, unknowns: FloatArray, likely: Rows, fits: Fits) -> FloatArray:
        """Of the loss and the penalty, (P, outputs, dims + 1)."""
        error = self.outputs @ ((likely - self.truth[fits.part]) * fits.shares[:, None])
        product = error.reshape(-1, len(self.rows)).astype(self.rows.dtype) @ self.rows
        sums = error.sum(axis=2)[..., None]
        slopes = (product.reshape(*error.shape[:2], -1) - sums * fits.mean[:, None]) / fits.scale[:, None]
        return np.concatenate([slopes, sums], axis=2) + fits.penalties(self.rows.shape[1]) * unknowns

    def likely(self, scores: FloatArray) -> Rows:
        """Probabilities of classes, (P, classes, N)."""
        return softmax(self.by_class(scores), axis=1)

    def by_class(self, scores: FloatArray) -> Rows:
        """Scores of classes, (P, classes, N)."""
        return np.asarray(self.outputs.T @ scores.astype(self.rows.dtype))

    def curvature(self, likely: Rows, fits: Fits) -> Curvature:
        """Of the loss, over the outputs."""
        squares = np.square(self.outputs).sum(axis=0) @ likely - np.square(self.outputs @ likely).sum(axis=1)
        rows = squares / len(self.outputs) * fits.shares
        whole = rows.sum(axis=1)
        return Curvature(rows.astype(self.rows.dtype) @ self.squares, whole * self.rest, whole)

    def inverse(self, values: FloatArray, curvature: Curvature, fits: Fits) -> FloatArray:
        """About the inverse of the Hessian, times values (P, outputs, dims + 1): outputs and axes are taken apart."""
        others = 1 / (curvature.others + fits.penalty)
        known = 1 / (curvature.axes + fits.penalty[:, None]) - others[:, None]
        along = (values[..., :-1].astype(self.axes.dtype) @ self.axes) * known[:, None].astype(self.axes.dtype)
        weights = spread(others) * values[..., :-1] + along @ self.axes.T
        return np.concatenate([weights, values[..., -1:] / spread(np.maximum(curvature.bias, FLAT))], axis=2)

    def length(
        self,
        unknowns: FloatArray,
        direction: FloatArray,
        scores: FloatArray,
        slopes: FloatArray,
        fits: Fits,
        start: FloatArray,
    ) -> FloatArray:
        """How far to go in each direction, (P,), by Newton's method: what is minimised is convex, scores are linear.

        Between a length where it falls and one where it rises, as a step of Newton's may lead out of where the loss
        bends alike. `start` is the slope at the start, (P,).
        """
        penalties = fits.penalties(self.rows.shape[1])
        rise, bend = inner(penalties * unknowns, direction), inner(penalties * direction, direction)
        length, shares = np.ones(len(direction)), fits.shares.astype(self.rows.dtype)
        low, high, open_ = np.zeros(len(direction)), np.full(len(direction), np.inf), np.ones(len(direction), np.bool_)
        base, by_class = self.by_class(scores), self.by_class(slopes)
        own = np.einsum("pcn,pcn,pn->p", by_class, self.truth[fits.part], shares)
        for _ in range(LENGTHS):
            likely = softmax(base + spread(length).astype(base.dtype) * by_class, axis=1)
            mean = (likely * by_class).sum(axis=1)
            squares = (likely * np.square(by_class)).sum(axis=1)
            first = np.einsum("pn,pn->p", mean, shares) - own + rise + length * bend
            second = np.einsum("pn,pn->p", squares - mean * mean, shares) + bend
            open_ &= np.abs(first) > LEVEL * np.abs(start)
            low, high = np.where(first < 0, length, low), np.where(first > 0, length, high)
            newton, between = length - first / second, np.where(np.isinf(high), 10 * length, np.sqrt(low * high))
            further = np.where((newton > low) & (newton < high), newton, between)
            further = np.where(open_, np.clip(further, length / 10, 10 * length), length)
            open_ &= np.abs(further - length) > LEVEL * length
            length = further
            if not open_.any():
                break
        return length


def times_rows(weights: Rows, rows: Rows) -> Rows:
    """`weights @ rows.T`, of (M, dims) and (N, dims): (M, N); block by block, as BLAS copies what is transposed."""
    product = np.empty((len(weights), len(rows)), rows.dtype)
    for start in range(0, len(rows), BLOCK):
        np.matmul(weights, rows[start : start + BLOCK].T, out=product[:, start : start + BLOCK])
    return product


def principal_axes(rows: Rows) -> tuple[Rows, float]:
    """The first principal axes of standardised rows, (dims, k), and the mean variance along the others.

    By subspace iteration from random directions (Halko, Martinsson & Tropp 2011, "Finding structure with randomness",
    algorithm 4.4), the same ones every time.
    """
    dims = rows.shape[1]
    count = min(AXES, dims)
    axes = np.random.default_rng(0).standard_normal((dims, count), np.float32).astype(rows.dtype)
    for _ in range(2):
        axes = np.linalg.qr(rows.T @ (rows @ axes))[0]
    along = rows @ axes
    variances, turned = np.linalg.eigh((along.T @ along).astype(np.float64) / len(rows))
    place = along if along.dtype == np.float64 else None
    whole = (
        np.square(along, out=place, dtype=np.float64).sum() / len(rows)
        if count == dims
        else float(np.vdot(rows, rows)) / len(rows)
    )
    return axes @ turned.astype(rows.dtype), max(float(whole - variances.sum()), 0.0) / max(dims - count, 1)
