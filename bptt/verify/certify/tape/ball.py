"""A ball on a tape: a number with an error bound, which remembers what it was computed from.

The tape holds the derivative of each result with respect to what it was computed from, as balls
too; the chain rule from the last result to the first then encloses the gradient.

Source: Griewank and Walther (2008), Evaluating Derivatives, for the reverse accumulation.
"""

import math
from typing import Any, Protocol

import numpy as np
from flint import arb

from .dispatch import apply_function, apply_ufunc, array_of
from .trouble import NotInBallsError, place

ONE = arb(1)


class Record(Protocol):
    """A step of the computation. `pull` adds its inputs' adjoints, given those of its outputs."""

    def pull(self, adjoints: list[arb | None]) -> None: ...


class Step:
    """One result, with its derivatives with respect to its parents."""

    __slots__ = ("index", "parents", "slopes")

    def __init__(self, index: int, parents: tuple[int, ...], slopes: tuple[arb, ...]) -> None:
        self.index, self.parents, self.slopes = index, parents, slopes

    def pull(self, adjoints: list[arb | None]) -> None:
        adjoint = adjoints[self.index]
        if adjoint is None:
            return
        adjoints[self.index] = None
        for parent, slope in zip(self.parents, self.slopes, strict=True):
            add_to(adjoints, parent, adjoint * slope)


class Tape:
    """The steps of a computation. Without `recording`, it only tells constants from the others.

    `ties` are the lines where the derivative may not exist, as two numbers were compared that are
    or may be equal. `exact` says if all of them are exactly equal, so that more bits won't help;
    `branched` are those ties where the code took one of two branches. `either` are the results of
    the other ties, by the two numbers.
    """

    def __init__(self, recording: bool = True) -> None:
        self.recording = recording
        self.count = 0
        self.records: list[Record] = []
        self.ties: set[str] = set()
        self.branched: set[str] = set()
        self.exact = True
        self.either: dict[tuple[str, int, int], Ball] = {}

    def variable(self, value: arb) -> "Ball":
        self.count += 1
        return Ball(value, self, self.count - 1)

    def append(self, value: arb, parents: tuple[int, ...], slopes: tuple[arb, ...]) -> "Ball":
        """Return a result, and record its derivatives with respect to its parents."""
        ball = self.variable(value)
        if self.recording:
            self.records.append(Step(ball.index, parents, slopes))
        return ball

    def tie(self, text: str, exact: bool, branched: bool) -> None:
        said = f"{text}, in {place()}"
        self.exact &= exact
        self.ties.add(said)
        if branched:
            self.branched.add(said)

    def gradient(self, result: "Ball") -> list[arb | None]:
        """Return the derivative of a result with respect to each variable; None is exactly 0."""
        adjoints: list[arb | None] = [None] * self.count
        adjoints[result.index] = ONE
        for record in reversed(self.records):
            record.pull(adjoints)
        return adjoints


def add_to(adjoints: list[arb | None], index: int, term: arb) -> None:
    before = adjoints[index]
    adjoints[index] = term if before is None else before + term


class Ball:
    """A number in user code. Without a tape it is a constant, whatever the parameters are."""

    __slots__ = ("index", "tape", "value")
    __hash__ = object.__hash__

    def __init__(self, value: arb, tape: Tape | None = None, index: int = -1) -> None:
        self.value, self.tape, self.index = value, tape, index

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **named: Any) -> Any:
        return apply_ufunc(ufunc, method, inputs, named)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return apply_function(func, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # NumPy asks for __array_interface__ and the like
            raise AttributeError(name)
        return getattr(array_of([self], ()), name)  # shape, sum, reshape, …: a scalar has them too

    def __float__(self) -> float:
        number = float(self.value)
        if self.tape is None and self.value == arb(number):
            return number
        raise NotInBallsError(
            "a ball would become a float: in an array of floats (make it with np.zeros in the "
            "function), or in a library that knows only floats"
        )

    def __int__(self) -> int:
        return int(float(self))

    def __repr__(self) -> str:
        return str(self.value)

    def __format__(self, form: str) -> str:
        return format(float(self.value), form) if form else repr(self)

    def __deepcopy__(self, memo: object) -> "Ball":
        return self  # a copy would be of another tape

    def item(self) -> "Ball":
        return self

    def conjugate(self) -> "Ball":
        return self


def lift(value: Any) -> Ball:
    """Return a number as a ball; a float is exact."""
    if isinstance(value, Ball):
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return lift(value.item())
    if isinstance(value, int | np.integer | np.bool_):
        return Ball(arb(int(value)))
    if isinstance(value, float | np.floating):
        number = float(value)
        if number == value or math.isnan(number):  # np.longdouble may hold more
            return Ball(arb(number))
    raise NotInBallsError(f"balls can't be combined with {type(value).__name__} {value!r:.30}")


def of_two(value: arb, a: Ball, b: Ball, to_a: arb, to_b: arb) -> Ball:
    """Return a result of two balls, with its derivatives with respect to both."""
    if b.tape is None:
        return Ball(value) if a.tape is None else a.tape.append(value, (a.index,), (to_a,))
    if a.tape is None:
        return b.tape.append(value, (b.index,), (to_b,))
    if a.tape is not b.tape:
        raise NotInBallsError("a number of an earlier call was kept and used again")
    return a.tape.append(value, (a.index, b.index), (to_a, to_b))
