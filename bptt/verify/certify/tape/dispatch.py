"""An array of balls: NumPy's functions on it compute with balls.

It is an ndarray of objects, so that views, indices, broadcasting and assignments are NumPy's own.
Ufuncs are looked up by name in `FUNCTIONS` and applied to each element; other functions of NumPy
run as they are, on the objects.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .trouble import NotInBallsError, note_dtype

# Taken now: NumPy's own names are replaced while user code runs.
asarray, empty = np.asarray, np.empty


@dataclass(frozen=True)
class Elementwise:
    """A function of balls, and as a ufunc over objects. `decides` if it returns booleans."""

    function: Callable[..., Any]
    over_objects: Any
    decides: bool


FUNCTIONS: dict[str, Elementwise] = {}
WHOLE: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {}  # matmul: of whole arrays
IGNORED = ("dtype", "casting", "order", "subok")  # there is only one type


def register(
    name: str,
    function: Callable[..., Any],
    arguments: int,
    *,
    identity: float | None = None,
    decides: bool = False,
) -> None:
    """Make a function of balls what the ufunc of this name does."""
    made = np.frompyfunc(function, arguments, 1, identity=identity)
    FUNCTIONS[name] = Elementwise(function, made, decides)


class BallArray(np.ndarray):
    """An array of objects that are balls, or numbers, which are exact."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **named: Any) -> Any:
        return apply_ufunc(ufunc, method, inputs, named)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return apply_function(func, args, kwargs)

    def __setitem__(self, place: Any, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value[()]  # the object itself: an array must not become an element
        super().__setitem__(place, value)

    def dot(self, other: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return dot(self, other)

    def astype(self, dtype: Any, *args: Any, **named: Any) -> Any:
        """Convert to integers or booleans, if no element depends on the parameters."""
        note_dtype(np.dtype(dtype))
        if np.dtype(dtype).kind in "fO":
            return self.copy()
        return asarray([float(value) for value in self.ravel()]).astype(dtype).reshape(self.shape)


def is_objects(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == object


def array_of(elements: list[Any], shape: tuple[int, ...]) -> BallArray:
    """Make an array of these elements."""
    made = empty(len(elements), object)
    made[:] = elements
    return made.reshape(shape).view(BallArray)


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], named: Any) -> Any:
    """Compute a ufunc, or its method such as reduce, in balls."""
    name = ufunc.__name__
    called = f"np.{name}" if getattr(np, name, None) is ufunc else name
    known = FUNCTIONS.get(name)
    if known is None and all(set(types) <= set("O->") for types in ufunc.types):
        known = Elementwise(ufunc, ufunc, False)  # made of Python code, by np.frompyfunc
    if known is None and (name not in WHOLE or method != "__call__"):
        raise NotInBallsError(f"{called} is not supported")
    for key in IGNORED:
        named.pop(key, None)
    targets = named.pop("out", None) or ()
    if method == "at":
        targets, named = inputs[:1], {}
    for target in targets:
        if target is not None and not is_objects(target):
            raise NotInBallsError(
                f"{called} writes into an array of {target.dtype}, which can't hold balls: "
                "make it with np.zeros in the function, or write x = x + y for x += y"
            )
    plain = tuple(map(_plain, inputs))
    if known is None:
        result = WHOLE[name](*plain)[()]
        if targets:
            _plain(targets[0])[...] = result
    else:
        if targets and method != "at":
            named["out"] = tuple(None if target is None else _plain(target) for target in targets)
        result = getattr(known.over_objects, method)(*plain, **named)
        if known.decides:
            return asarray(result, bool)[()]
    return targets[0] if targets and method != "at" else wrapped(result)


def apply_function(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a function of NumPy on arrays of objects. Raises NotInBallsError where it can't."""
    if func is np.dot:
        return dot(*args, **kwargs)
    try:
        return wrapped(func._implementation(*args, **kwargs))
    except TypeError as error:
        name = f"{func.__module__}.{func.__name__}".replace("numpy", "np")
        raise NotInBallsError(f"{name} is not supported ({error})") from error


def dot(a: Any, b: Any, out: Any = None) -> Any:
    """Return np.dot: a matrix product up to two axes, as a single step on the tape."""
    a, b = (value if isinstance(value, np.ndarray) else asarray(_plain(value)) for value in (a, b))
    if a.ndim == 0 or b.ndim == 0:
        result = a * b
    elif b.ndim <= 2:
        result = a.view(BallArray) @ b if is_objects(a) else a @ b
    else:
        result = np.tensordot(a, b, (-1, -2))
    if out is None:
        return result
    out[...] = result
    return out


def wrapped(result: Any) -> Any:
    """View arrays of objects as arrays of balls, also in a tuple or a list."""
    if isinstance(result, tuple | list):
        return type(result)(map(wrapped, result)) if type(result) in (tuple, list) else result
    if is_objects(result):
        return result.view(BallArray)
    return result


def _plain(value: Any) -> Any:
    """Return what doesn't come back here: a plain array, or one of no axes for a ball."""
    if isinstance(value, BallArray):
        return value.view(np.ndarray)
    if hasattr(value, "__array_ufunc__") and not isinstance(value, np.ndarray | np.generic):
        held = empty((), object)
        held[()] = value
        return held
    return value
