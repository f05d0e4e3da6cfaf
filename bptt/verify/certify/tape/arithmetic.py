"""Arithmetic and comparisons of balls, as Python's operators and as NumPy's ufuncs."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from flint import arb

from .ball import ONE, Ball, lift, of_two
from .dispatch import register
from .trouble import UndecidedError

FROM_ZERO_TO_ONE = arb(0.5, 0.5)  # its radius is rounded up


def add(x: Any, y: Any) -> Ball:
    a, b = lift(x), lift(y)
    return of_two(a.value + b.value, a, b, ONE, ONE)


def subtract(x: Any, y: Any) -> Ball:
    a, b = lift(x), lift(y)
    return of_two(a.value - b.value, a, b, ONE, -ONE)


def multiply(x: Any, y: Any) -> Ball:
    a, b = lift(x), lift(y)
    return of_two(a.value * b.value, a, b, b.value, a.value)


def divide(x: Any, y: Any) -> Ball:
    a, b = lift(x), lift(y)
    inverse = ONE / b.value
    quotient = a.value / b.value
    return of_two(quotient, a, b, inverse, -quotient * inverse)


def power(x: Any, y: Any) -> Ball:
    a, b = lift(x), lift(y)
    if b.tape is None and b.value.is_integer():
        n = b.value
        slope = n * a.value ** (n - 1) if not n.is_zero() else arb(0)
        return of_two(a.value**n, a, b, slope, ONE)
    value = a.value**b.value
    to_b = ONE if b.tape is None else value * a.value.log()
    return of_two(value, a, b, b.value * a.value ** (b.value - 1), to_b)


def maximum(x: Any, y: Any) -> Ball:
    """Return the larger one. Of two that may be equal, both derivatives count, with 0 to 1."""
    a, b = lift(x), lift(y)
    if a is b or a.value > b.value:
        return a
    if a.value < b.value:
        return b
    return _either(a.value.max(b.value), a, b, "the maximum of numbers")


def minimum(x: Any, y: Any) -> Ball:
    a, b = lift(x), lift(y)
    if a is b or a.value < b.value:
        return a
    if a.value > b.value:
        return b
    return _either(a.value.min(b.value), a, b, "the minimum of numbers")


def _either(value: arb, a: Ball, b: Ball, what: str) -> Ball:
    tape = a.tape or b.tape
    if tape is None or not tape.recording:
        return of_two(value, a, b, FROM_ZERO_TO_ONE, FROM_ZERO_TO_ONE)
    exact = a.value.is_exact() and b.value.is_exact()
    tape.tie(f"{what} that {'are' if exact else 'may be'} equal", exact, branched=False)
    # The same maximum taken twice is one number: in x - max(x) + max(x) its derivatives cancel.
    pair = what, a.index, b.index
    if a.tape is None or b.tape is None or pair not in tape.either:
        tape.either[pair] = of_two(value, a, b, FROM_ZERO_TO_ONE, FROM_ZERO_TO_ONE)
    return tape.either[pair]


def absolute(x: Any) -> Ball:
    a = lift(x)
    if a.value >= 0 or a.value < 0:
        if not a.value.contains(0):
            return a if a.value > 0 else subtract(0, a)
        if a.tape is None:
            return Ball(abs(a.value))
    return maximum(a, subtract(0, a))


def less(x: Any, y: Any) -> bool:
    a, b = lift(x), lift(y)
    if a is b:
        return False
    decided = a.value < b.value
    if not decided and not a.value >= b.value:
        raise UndecidedError("a comparison of numbers that may be equal")
    _note_tie(a, b)
    return decided


def equal(x: Any, y: Any) -> bool:
    a, b = lift(x), lift(y)
    if a is b:
        return True
    if not a.value.overlaps(b.value):
        return False
    if not (a.value.is_exact() and b.value.is_exact()):
        raise UndecidedError("a comparison of numbers that may be equal")
    _note_tie(a, b)
    return True


def _note_tie(a: Ball, b: Ball) -> None:
    tape = a.tape or b.tape
    if tape is not None and tape.recording and a.value.overlaps(b.value):
        tape.tie("a comparison of numbers that are equal", exact=True, branched=True)


def less_equal(x: Any, y: Any) -> bool:
    return x is y or not less(y, x)


def greater(x: Any, y: Any) -> bool:
    return less(y, x)


def greater_equal(x: Any, y: Any) -> bool:
    return x is y or not less(x, y)


def not_equal(x: Any, y: Any) -> bool:
    return not equal(x, y)


def _method(function: Callable[..., Any], swapped: bool = False) -> Callable[[Any, Any], Any]:
    def method(self: Ball, other: Any) -> Any:
        if isinstance(other, np.ndarray) or not isinstance(other, Ball | int | float | np.generic):
            return NotImplemented  # an array takes the ball, element by element
        return function(other, self) if swapped else function(self, other)

    return method


def _operators() -> Iterable[tuple[str, Callable[..., Any]]]:
    for name, function in (
        ("add", add),
        ("sub", subtract),
        ("mul", multiply),
        ("truediv", divide),
        ("pow", power),
    ):
        yield f"__{name}__", _method(function)
        yield f"__r{name}__", _method(function, swapped=True)
    for name, function in (
        ("lt", less), ("le", less_equal), ("gt", greater),
        ("ge", greater_equal), ("eq", equal), ("ne", not_equal),
    ):  # fmt: skip
        yield f"__{name}__", _method(function)
    yield "__bool__", lambda self: not_equal(self, 0)
    yield "__neg__", lambda self: subtract(0, self)
    yield "__pos__", lambda self: self
    yield "__abs__", absolute


for _name, _function in _operators():
    setattr(Ball, _name, _function)
for _function in (less, less_equal, greater, greater_equal, equal, not_equal):
    register(_function.__name__, _function, 2, decides=True)
for _function in (subtract, divide, power):
    register(_function.__name__, _function, 2)
register("add", add, 2, identity=0)
register("multiply", multiply, 2, identity=1)
for _name, _function, _least in (
    ("maximum", maximum, -np.inf), ("fmax", maximum, -np.inf),
    ("minimum", minimum, np.inf), ("fmin", minimum, np.inf),
):  # fmt: skip
    register(_name, _function, 2, identity=_least)
