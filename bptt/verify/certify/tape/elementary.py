"""Elementary functions of balls, with their derivatives, as NumPy's ufuncs (and SciPy's).

Each is registered under the ufunc's name, and is a method of a ball, since NumPy calls the method
of this name where a plain array of objects holds a ball.
"""

from collections.abc import Callable
from typing import Any

from flint import arb

from .arithmetic import (
    absolute,
    add,
    divide,
    equal,
    less,
    maximum,
    minimum,
    multiply,
    power,
)
from .ball import ONE, Ball, lift, of_two
from .dispatch import FUNCTIONS, register
from .trouble import UndecidedError

Slope = Callable[[arb, arb], arb]  # of the argument and of the value


def _ln2() -> arb:
    return arb.const_log2()


def _cbrt(x: arb) -> arb:
    return -((-x).root(3)) if x < 0 else x.root(3)


# Values and derivatives without cancellation: 1 - tanh² would leave only a radius where tanh is 1.
SMOOTH: dict[str, tuple[Callable[[arb], arb], Slope]] = {
    "exp": (arb.exp, lambda x, y: y),
    "exp2": (lambda x: (x * _ln2()).exp(), lambda x, y: y * _ln2()),
    "expm1": (arb.expm1, lambda x, y: x.exp()),
    "log": (arb.log, lambda x, y: 1 / x),
    "log2": (lambda x: x.log() / _ln2(), lambda x, y: 1 / (x * _ln2())),
    "log10": (lambda x: x.log() / arb.const_log10(), lambda x, y: 1 / (x * arb.const_log10())),
    "log1p": (arb.log1p, lambda x, y: 1 / (1 + x)),
    "sqrt": (arb.sqrt, lambda x, y: 1 / (2 * y)),
    "cbrt": (_cbrt, lambda x, y: 1 / (3 * y * y)),
    "square": (lambda x: x * x, lambda x, y: 2 * x),
    "reciprocal": (lambda x: 1 / x, lambda x, y: -y * y),
    "negative": (lambda x: -x, lambda x, y: -ONE),
    "sin": (arb.sin, lambda x, y: x.cos()),
    "cos": (arb.cos, lambda x, y: -x.sin()),
    "tan": (arb.tan, lambda x, y: x.sec() ** 2),
    "sinh": (arb.sinh, lambda x, y: x.cosh()),
    "cosh": (arb.cosh, lambda x, y: x.sinh()),
    "tanh": (arb.tanh, lambda x, y: x.sech() ** 2),
    "arcsin": (arb.asin, lambda x, y: (1 - x * x).rsqrt()),
    "arccos": (arb.acos, lambda x, y: -(1 - x * x).rsqrt()),
    "arctan": (arb.atan, lambda x, y: 1 / (1 + x * x)),
    "arcsinh": (arb.asinh, lambda x, y: (1 + x * x).rsqrt()),
    "arccosh": (arb.acosh, lambda x, y: (x * x - 1).rsqrt()),
    "arctanh": (arb.atanh, lambda x, y: 1 / (1 - x * x)),
    "expit": (lambda x: 1 / (1 + (-x).exp()), lambda x, y: 1 / (2 + x.exp() + (-x).exp())),
    "log_expit": (lambda x: -((-x).exp().log1p()), lambda x, y: 1 / (1 + x.exp())),
    "logit": (lambda x: (x / (1 - x)).log(), lambda x, y: 1 / (x * (1 - x))),
    "erf": (arb.erf, lambda x, y: 2 * (-x * x).exp() / arb.pi().sqrt()),
    "erfc": (arb.erfc, lambda x, y: -2 * (-x * x).exp() / arb.pi().sqrt()),
    "gammaln": (arb.lgamma, lambda x, y: x.digamma()),
    "digamma": (arb.digamma, lambda x, y: arb(2).zeta(x)),
}


def smooth(value: Callable[[arb], arb], slope: Slope) -> Callable[[Any], Ball]:
    """Make a function of one ball from its value and its derivative."""

    def function(x: Any) -> Ball:
        a = lift(x)
        result = value(a.value)
        if a.tape is None:
            return Ball(result)
        return a.tape.append(result, (a.index,), (slope(a.value, result),))

    return function


log = smooth(*SMOOTH["log"])
sqrt = smooth(*SMOOTH["sqrt"])
expit = smooth(*SMOOTH["expit"])


def logaddexp(x: Any, y: Any) -> Ball:
    a, b = lift(x), lift(y)
    if arb.neg_inf() in (a.value, b.value):  # exp is 0 there: a mask
        return b if a.value == arb.neg_inf() else a
    to_a = 1 / (1 + (b.value - a.value).exp())
    to_b = 1 / (1 + (a.value - b.value).exp())
    return of_two((a.value.exp() + b.value.exp()).log(), a, b, to_a, to_b)


def hypot(x: Any, y: Any) -> Ball:
    return sqrt(add(multiply(x, x), multiply(y, y)))


def arctan2(y: Any, x: Any) -> Ball:
    a, b = lift(y), lift(x)
    square = a.value * a.value + b.value * b.value
    return of_two(arb.atan2(a.value, b.value), a, b, b.value / square, -a.value / square)


def xlogy(x: Any, y: Any) -> Ball:
    a = lift(x)
    return Ball(arb(0)) if a.tape is None and equal(a, 0) else multiply(a, log(y))


def clip(x: Any, low: Any, high: Any) -> Ball:
    return minimum(maximum(x, low), high)


def sign(x: Any) -> Ball:
    return Ball(arb(0)) if equal(x, 0) else Ball(arb(-1 if less(x, 0) else 1))


def heaviside(x: Any, at_zero: Any) -> Ball:
    return lift(at_zero) if equal(x, 0) else Ball(arb(0 if less(x, 0) else 1))


def rounded(to_integer: Callable[[arb], arb]) -> Callable[[Any], Ball]:
    """Make a function such as floor: its derivative is 0 where it doesn't jump."""

    def function(x: Any) -> Ball:
        whole = to_integer(lift(x).value)
        if not whole.is_exact():
            raise UndecidedError("the integer below or above a number that may be one")
        equal(x, Ball(whole))  # notes a tie where it jumps
        return Ball(whole)

    return function


def is_finite(x: Any) -> bool:
    return not is_infinite(x)


def is_infinite(x: Any) -> bool:
    value = lift(x).value
    if not value.is_finite() and value not in (arb.pos_inf(), arb.neg_inf()):
        raise UndecidedError("a number that may be infinite or not a number")
    return not value.is_finite()


def is_nan(x: Any) -> bool:
    is_infinite(x)
    return False


def _register_all() -> None:
    for name, (value, slope) in SMOOTH.items():
        register(name, smooth(value, slope), 1)
    for name, function in (
        ("absolute", absolute), ("fabs", absolute), ("sign", sign), ("positive", lift),
        ("conjugate", lift), ("floor", rounded(arb.floor)), ("ceil", rounded(arb.ceil)),
        ("deg2rad", lambda x: multiply(divide(x, 180), Ball(arb.pi()))),
        ("rad2deg", lambda x: multiply(x, divide(180, Ball(arb.pi())))),
    ):  # fmt: skip
        register(name, function, 1)
    for name, function in (
        ("logaddexp", logaddexp), ("hypot", hypot), ("arctan2", arctan2), ("xlogy", xlogy),
        ("heaviside", heaviside), ("float_power", power),
    ):  # fmt: skip
        register(name, function, 2)
    register("clip", clip, 3)
    for name, function in (
        ("isfinite", is_finite), ("isnan", is_nan), ("isinf", is_infinite),
        ("signbit", lambda x: less(x, 0)), ("logical_not", lambda x: not x),
    ):  # fmt: skip
        register(name, function, 1, decides=True)
    register("logical_and", lambda x, y: bool(x) and bool(y), 2, decides=True, identity=1)
    register("logical_or", lambda x, y: bool(x) or bool(y), 2, decides=True, identity=0)


_register_all()
for _name, _known in FUNCTIONS.items():
    if _known.over_objects.nin == 1:
        setattr(Ball, _name, _known.function)
