"""⟨backward(dy), v⟩ = d/dt F(x + tv) at t = 0,   F(x) = ⟨dy, forward(x)⟩,   for every direction v

The checker of hand-written gradients. The left side is what backward claims, the right side is measured on forward
alone. Any pair of functions with the interface of this package can be given to it:

    def forward(x, W):
        return x @ W.T, (x, W)

    def backward(dy, cache):
        x, W = cache
        return dy @ W, dy.T @ x

    for row in gradcheck.check(forward, backward, {"x": x, "W": W}):
        print(row.name, row.error, row.passed)

Check at random numbers, never at ones and zeros: many a wrong gradient is right there. The slope is measured by

complex   Im F(x + ihv) / h with h = 1e-30. By Taylor F(x + ihv) = F(x) + ih F'v - h²/2 F''vv - ...: the imaginary part
          is h F'v; nothing is subtracted, so nothing is rounded away, and h² is too small to matter. Right to the last
          digits, if forward is analytic and lets complex numbers pass (Squire and Trapp, SIAM Review 40, 1998; Martins,
          Sturdza and Alonso, ACM TOMS 29, 2003). What would make it silently wrong is detected and reported: see
          _witness.
central   (F(x + hv) - F(x - hv)) / 2h with h = 1e-5. Asks nothing of forward, but the subtraction costs ε|F|/h and the
          curvature h²|F'''|/6: ten digits at best. A second, independent oracle.

once for each element of each array, v being 1 there and 0 elsewhere; or, for arrays with too many elements for that, by

projection, central-projection   the same along a few random v for each array.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..errors import Error, UsageError, show
from ..numerics import tree
from ..numerics.arrays import Array
from . import contract

COMPLEX_STEP = 1e-30
CENTRAL_STEP = 1e-5
DIRECTIONS = 2  # of a projection
ZERO = 100.0  # times the tolerance: a gradient that much smaller than the largest is zero to rounding


_Slope = Callable[
    ["_Function", str, Array, Array], float
]  # of F with respect to the argument of that name, at x, along v
_Measure = Callable[["_Function", str, Array, Array, _Slope], "_Measured"]


class Method(NamedTuple):
    slope: _Slope
    measure: _Measure
    size: Callable[[Array], float]  # how large the numbers are that a gradient is compared by
    tolerance: float  # unless the caller says another


class Row(NamedTuple):
    """What was found for one array."""

    name: str  # "params.W"
    error: float  # the largest difference over the largest number; inf where there was nothing to compare
    tolerance: float
    elements: int  # numbers in the array
    method: str
    passed: bool
    problem: str = ""  # what is wrong where it is not a number: a shape, a dtype, None, NaN, a side effect
    place: tuple[int, ...] | None = None  # where the error is largest; of a projection (which direction,)
    analytic: float | None = None  # what backward says there
    numeric: float | None = None  # what forward says there
    block: str = ""  # which pair this is about; left to those who check a table of them
    case: str = ""


class _Function(NamedTuple):
    """F(arguments) = ⟨dy, forward(arguments)⟩ = Σ dy · y"""

    forward: Callable[..., Any]
    arguments: Mapping[str, Any]
    dy: Any  # a tree like y
    size: float  # Σ |dy · y|, which the rounding of F goes by

    def outputs(self, name: str, value: Array) -> list[tuple[Array, Array]]:
        """(dy, y) of each output with the argument `name` replaced; the others stay as they are, and real."""
        first, _, rest = name.partition(".")
        argument = tree.replace(self.arguments[first], rest, value)
        y, _ = self.forward(*{**self.arguments, first: argument}.values())
        return _both(self.dy, y)


# The slope of F.


def _complex_step(F: _Function, name: str, x: Array, v: Array) -> float:
    """Im F(x + ihv) / h"""
    with _traps(name):
        outputs = F.outputs(name, x + 1j * COMPLEX_STEP * v)
    slope = sum(float((dy * np.imag(y)).sum()) for dy, y in outputs) / COMPLEX_STEP
    if not math.isfinite(slope):
        raise Error(
            f"forward: expected finite results for a complex {name}, got NaN: look for -inf in a mask, "
            "and use a large finite number there, or method central"
        )
    return slope


def _central(F: _Function, name: str, x: Array, v: Array) -> float:
    """(F(x + hv) - F(x - hv)) / 2h; the difference is taken of each output, before the sum, where it rounds less."""
    after, before = F.outputs(name, x + CENTRAL_STEP * v), F.outputs(name, x - CENTRAL_STEP * v)
    pairs = zip(after, before, strict=True)
    return sum(float((dy * (above - below)).sum()) for (dy, above), (_, below) in pairs) / (2.0 * CENTRAL_STEP)


@contextmanager
def _traps(name: str) -> Iterator[None]:
    """An imaginary part thrown away is only a warning in NumPy, a function without a complex form a TypeError; here
    both say what to look for in a forward.
    """
    try:
        with warnings.catch_warnings(), np.errstate(invalid="ignore"):  # NaN is looked for in the slope
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            yield
    except (np.exceptions.ComplexWarning, TypeError) as error:
        raise Error(
            f"forward: expected complex numbers to pass, got for a complex {name}: {show(str(error), 90)}; look for "
            "np.zeros(shape) as a buffer, float(), astype, out=; or use method central"
        ) from error


# What is measured.


class _Measured(NamedTuple):
    analytic: Array  # what backward says
    numeric: Array  # what forward says of the same
    v: Array  # a direction
    along: float  # the slope along it


def _elements(F: _Function, name: str, x: Array, gradient: Array, slope: _Slope) -> _Measured:
    """The slope along each axis of the space that x is a point of."""
    numeric = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        v = np.zeros(x.shape)
        v[place] = 1.0
        numeric[place] = slope(F, name, x, v)
    v = _direction(x, 0)
    return _Measured(gradient, numeric, v, float((numeric * v).sum()))


def _projections(F: _Function, name: str, x: Array, gradient: Array, slope: _Slope) -> _Measured:
    """⟨gradient, v⟩ and the slope along v. For a v of standard normal numbers an error Δ of the gradient shows as
    ⟨Δ, v⟩, normal with standard deviation |Δ|, so it is diluted no more than in the norm; for signs ±1 two equal errors
    would cancel half of the time.
    """
    analytic, numeric = np.empty(DIRECTIONS), np.empty(DIRECTIONS)
    for i in range(DIRECTIONS):
        v = _direction(x, i)
        analytic[i] = (gradient * v).sum()
        numeric[i] = slope(F, name, x, v)
    return _Measured(analytic, numeric, v, float(numeric[-1]))


def _direction(x: Array, seed: int) -> Array:
    return np.asarray(np.random.default_rng((seed, x.size)).standard_normal(x.shape))


def _largest(gradient: Array) -> float:
    return float(np.abs(gradient).max(initial=0.0))


def _norm(gradient: Array) -> float:
    return math.sqrt(float((gradient * gradient).sum()))


METHODS = {
    "complex": Method(_complex_step, _elements, _largest, 1e-12),
    "central": Method(_central, _elements, _largest, 1e-8),
    "projection": Method(_complex_step, _projections, _norm, 1e-12),
    "central-projection": Method(_central, _projections, _norm, 1e-7),
}


# The check.


def check(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    arguments: Mapping[str, Any],
    method: str = "complex",
    tolerance: float | None = None,
    seed: int = 0,
) -> list[Row]:
    """Compare a backward with its forward; one Row for each array that has a gradient.

    forward(*arguments) -> (y, cache), and backward(dy, cache) -> the gradient with respect to each argument that holds
    an array of float64, in order, or the bare gradient where there is one such argument. Arguments, y and gradients may
    be trees of tuples and NamedTuples. Integers, booleans, None and whatever is not an array are not differentiated;
    bind floats that are not to be (targets, constants) into `forward` with a lambda, and likewise a generator, made
    again from its seed in each call. tolerance: of Row.error; None takes that of the method. seed: of dy.

    A gradient of another shape or dtype, None or NaN is a failed Row; so is, instead of numbers, a backward that
    writes to what it is given or answers differently the second time. Error: a forward that cannot be measured, since
    it is random, writes to its arguments, gives NaN, or loses the imaginary part of a complex step.
    """
    if method not in METHODS:
        raise UsageError(f"method: expected one of {', '.join(METHODS)}, got {show(method)}")
    slope, measure, size, usual = METHODS[method]
    tolerance = usual if tolerance is None else tolerance
    arrays = dict(contract.differentiated(arguments))
    rng = np.random.default_rng(seed)

    y, cache = contract.run_forward(forward, arguments)
    dy = tree.map(lambda leaf: _upstream(leaf, rng), y)
    returned, fault = contract.run_backward(backward, dy, cache, arguments)
    if fault:
        return [Row("backward", math.inf, tolerance, 0, method, False, fault)]

    F = _Function(forward, arguments, dy, sum(float(np.abs(d * leaf).sum()) for d, leaf in _both(dy, y)))
    gradients = {
        name: contract.sound(arrays[name], gradient) if name in arrays else str(gradient)  # one for what is None
        for name, gradient in contract.matched(arguments, returned)
    }
    largest = max((size(gradient) for gradient in gradients.values() if not isinstance(gradient, str)), default=0.0)
    rows = []
    for name, gradient in gradients.items():
        x = arrays.get(name)
        row = Row(name, math.inf, tolerance, 0 if x is None else x.size, method, False)
        if x is None or isinstance(gradient, str):
            rows.append(row._replace(problem=str(gradient)))
            continue
        measured = measure(F, name, x, gradient, slope)
        if slope is _complex_step:
            _witness(F, name, x, measured)
        rows.append(_judged(row, measured, size(gradient), largest))
    return rows


def _witness(F: _Function, name: str, x: Array, measured: _Measured) -> None:
    """Let central differences confirm two digits of the complex step, along one direction.

    np.abs, np.var, np.linalg.norm, np.vdot, .real and .conj() of a complex number are not analytic: they drop or turn
    the imaginary part without a word, and the slope is wrong although forward is right.
    """
    claimed, seen = measured.along, _central(F, name, x, measured.v)
    if abs(claimed - seen) > 1e-2 * max(abs(claimed), abs(seen)) + 1e-6 * F.size:
        raise Error(
            f"forward: expected an analytic function of {name}, got slope {claimed:.6g} by complex step, {seen:.6g} by "
            "central differences: look for np.abs, np.var, np.std, np.linalg.norm, conj, .real; or use method central"
        )


def _judged(row: Row, measured: _Measured, size: float, largest: float) -> Row:
    """The largest difference, relative to the largest number of this array (`size` on the side of backward).

    Not element by element: an element that is small because large terms cancel carries their rounding. Where a whole
    gradient is zero for such a reason (a bias added to all keys of an attention shifts all scores of a query alike),
    both sides are rounding, and the measure is `largest`, of the whole call.
    """
    analytic, numeric = measured.analytic, measured.numeric
    if analytic.size == 0:
        return row._replace(error=0.0, passed=True)
    scale = max(size, float(np.abs(numeric).max()))
    if scale <= ZERO * row.tolerance * largest:
        scale = largest
    difference = np.abs(analytic - numeric)
    place = tuple(int(i) for i in np.unravel_index(int(difference.argmax()), difference.shape))
    error = float(difference[place]) / (scale or 1.0)
    return row._replace(
        error=error,
        passed=error <= row.tolerance,
        place=place,
        analytic=float(analytic[place]),
        numeric=float(numeric[place]),
    )


def _upstream(y: Any, rng: np.random.Generator) -> Any:
    """A random gradient with respect to an output; zero for one of integers or booleans."""
    if np.asarray(y).dtype.kind in "iub":
        return np.zeros(np.shape(y))
    dy = rng.standard_normal(np.shape(y))
    return dy if np.ndim(y) else np.float64(dy)


def _both(dy: Any, y: Any) -> list[tuple[Array, Array]]:
    return list(zip(tree.leaves(dy), tree.leaves(y), strict=True))
