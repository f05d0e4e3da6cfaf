# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""tanh, exp and log of whole vectors: argument reduction, then a Taylor polynomial.

With k the integer nearest x / ln 2 and r = x - k ln 2, exp x = 2^k exp r and |r| <= 0.3466, where
the Taylor polynomial has an error below a tenth of an ulp. For the logarithm, x = 2^k (1 + f) with
1 + f between sqrt(1/2) and sqrt(2), s = f / (2 + f), and log(1 + f) = 2 atanh s. Largest errors
found (tests/torch_impl/kernels/test_transcendental.py): exp 1.1 ulp, tanh 3 ulp, log 1 ulp. NaN,
infinities, signed zeros and subnormal numbers give the same results as in NumPy.
"""

import math
from decimal import Decimal
from math import factorial
from typing import Any

from numba.core import types
from numba.extending import overload

from .compiled import inlined
from .exponents import exponent, power_of_two, significand
from .vectors import absolute, copy_sign, fma, greater, select, splat

LOG2_E = 1.4426950408889634074
LN_2 = Decimal("0.693147180559945309417232121458176568")


def _split(bits: int) -> tuple[float, float]:
    """Return ln 2 as a sum of two numbers; the first is so short that its product with k is exact.

    `bits` is the number of its binary digits after the point.
    """
    high = int(LN_2 * 2**bits) / 2**bits
    return high, float(LN_2 - Decimal(high))


def _series(degree: int) -> tuple[float, ...]:
    """Return the Taylor coefficients of (exp r - 1 - r) / r², highest power first."""
    return tuple(1.0 / factorial(n) for n in range(degree, 1, -1))


def _atanh_series(degree: int) -> tuple[float, ...]:
    """Return the coefficients of (2 atanh s - 2 s) / s in s², without the constant 0."""
    return tuple(2.0 / (2 * n + 1) for n in range(degree, 0, -1))


# Per dtype: 1.5 * 2^(mantissa bits), whose addition rounds to an integer; bounds beyond which exp
# is 0 or inf; an argument above which tanh rounds to 1; the two parts of ln 2.
DOUBLE = (1.5 * 2.0**52, -750.0, 710.0, 20.0, *_split(32))
SINGLE = (1.5 * 2.0**23, -105.0, 89.0, 10.0, *_split(9))
DOUBLE_SERIES = _series(13)
SINGLE_SERIES = _series(7)
# Per dtype: the least normal number, the largest number, a power of two that makes subnormal
# numbers normal, and the digits that it has.
DOUBLE_RANGE = (2.0**-1022, 1.7976931348623157e308, 2.0**54, 54.0)
SINGLE_RANGE = (2.0**-126, 3.4028234663852886e38, 2.0**25, 25.0)
DOUBLE_LOGARITHM = _atanh_series(11)
SINGLE_LOGARITHM = _atanh_series(5)
SQRT_2 = 1.4142135623730951


def _of_dtype(double: tuple[float, ...], single: tuple[float, ...]) -> Any:
    """Return a function for compiled code that gives one of two tuples, by its vector's dtype."""

    def constants(v) -> Any:
        raise NotImplementedError("compiled code only")

    @overload(constants)
    def choose(v):
        if v.scalar == types.float64:
            return lambda v: double
        return lambda v: single

    return constants


_constants = _of_dtype(DOUBLE, SINGLE)
_coefficients = _of_dtype(DOUBLE_SERIES, SINGLE_SERIES)
_range = _of_dtype(DOUBLE_RANGE, SINGLE_RANGE)
_logarithm = _of_dtype(DOUBLE_LOGARITHM, SINGLE_LOGARITHM)


@inlined
def _reduce(x):
    """Return k plus the rounding constant, k, and exp(r) - 1."""
    magic, _, _, _, high, low = _constants(x)
    shifted = fma(x, splat(x, LOG2_E), splat(x, magic))
    k = shifted - splat(x, magic)
    r = fma(k, splat(x, -low), fma(k, splat(x, -high), x))
    series = _coefficients(x)
    tail = splat(x, series[0])
    for n in range(1, len(series)):
        tail = fma(tail, r, splat(x, series[n]))
    return shifted, k, fma(r * r, tail, r)


@inlined
def exp(x):
    """Return e to the power x, element by element."""
    magic, lowest, highest, _, _, _ = _constants(x)
    low, high = splat(x, lowest), splat(x, highest)
    x = select(greater(x, high), high, select(greater(low, x), low, x))
    _, k, less_one = _reduce(x)
    # 2^k as two factors: each is a normal number, even where 2^k itself is not.
    first = fma(k, splat(x, 0.5), splat(x, magic))
    second = (k - (first - splat(x, magic))) + splat(x, magic)
    return (less_one + splat(x, 1.0)) * power_of_two(first) * power_of_two(second)


@inlined
def tanh(x):
    """Return the hyperbolic tangent, element by element; no result exceeds 1 in magnitude."""
    _, _, _, saturated, _, _ = _constants(x)
    size, limit = absolute(x), splat(x, saturated)
    size = select(greater(size, limit), limit, size)
    shifted, _, less_one = _reduce(size + size)
    scale = power_of_two(shifted)
    grown = fma(scale, less_one, scale - splat(x, 1.0))  # exp(2|x|) - 1, exact where |x| is tiny
    return copy_sign(grown / (grown + splat(x, 2.0)), x)


@inlined
def log(x):
    """Return the natural logarithm, element by element."""
    _, _, _, _, high, low = _constants(x)
    least, largest, scale, digits = _range(x)
    zero, one, half = splat(x, 0.0), splat(x, 1.0), splat(x, 0.5)
    is_small = greater(splat(x, least), x)
    size = select(is_small, x * splat(x, scale), x)
    m = significand(size)
    is_upper = greater(m, splat(x, SQRT_2))
    f = select(is_upper, m * half, m) - one
    k = exponent(size) - select(is_small, splat(x, digits), zero)
    k = k + select(is_upper, one, zero)
    s = f / (f + splat(x, 2.0))
    z = s * s
    series = _logarithm(x)
    tail = splat(x, series[0])
    for n in range(1, len(series)):
        tail = fma(tail, z, splat(x, series[n]))
    square = half * f * f
    # f - square is nearly all of log(1 + f); the small terms are added up first.
    rest = fma(k, splat(x, low), s * fma(z, tail, square))
    found = k * splat(x, high) - ((square - rest) - f)
    found = select(greater(x, splat(x, largest)), x, found)
    other = select(greater(zero, x), splat(x, math.nan), splat(x, -1.0) / absolute(x))
    return select(greater(x, zero), found, other)
