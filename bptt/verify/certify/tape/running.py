"""Run a user's function on balls: whatever would turn them into floats is replaced meanwhile.

`np.zeros(n)` allocates floats, `math.exp(x)` and `float(x)` return them. While the function runs,
these return balls, for code outside of libraries.
"""

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

import numpy as np

from ...checker.buffers import CREATION_FUNCTIONS, replaced
from . import elementary, products  # noqa: F401 - they register their functions
from .arithmetic import power
from .ball import Ball
from .dispatch import FUNCTIONS, BallArray, array_of, asarray, is_objects
from .of_scipy import FUNCTIONS_OF_SCIPY
from .trouble import HERE, note_dtype

CONVERTERS = ("array", "asarray", "asanyarray", "ascontiguousarray", "copy")
MAKERS = (*CREATION_FUNCTIONS, "eye", "identity", "linspace")
OF_MATH = {
    "fabs": "fabs", "isfinite": "isfinite", "isinf": "isinf", "isnan": "isnan", "hypot": "hypot",
    "atan2": "arctan2", "acos": "arccos", "asin": "arcsin", "atan": "arctan", "acosh": "arccosh",
    "asinh": "arcsinh", "atanh": "arctanh", "lgamma": "gammaln",
    **{name: name for name in (
        "exp", "exp2", "expm1", "log1p", "log2", "log10", "sqrt", "cbrt", "sin", "cos", "tan",
        "sinh", "cosh", "tanh", "erf", "erfc",
    )},
}  # fmt: skip


@contextmanager
def balls_kept(*functions: Callable[..., Any]) -> Iterator[None]:
    """Let the code in the files of these functions, and beside them, keep balls as they are."""
    theirs = _their_globals(functions)
    with ExitStack() as stack:
        makers = {name: _maker(getattr(np, name)) for name in MAKERS}
        converters = {name: _converter(getattr(np, name)) for name in CONVERTERS}
        of_math = {name: _of_math(name, own) for name, own in OF_MATH.items()}
        of_math["pow"] = _or_original(math.pow, power)
        of_math["log"] = _or_original(math.log, _log)
        stack.enter_context(replaced(np, makers | converters, theirs))
        stack.enter_context(replaced(math, of_math, theirs))
        special = sys.modules.get("scipy.special")
        if special is not None:
            of_scipy = {
                name: _or_original(getattr(special, name), in_balls)
                for name, in_balls in FUNCTIONS_OF_SCIPY.items()
            }
            stack.enter_context(replaced(special, of_scipy, theirs))
        for names in theirs:
            stack.enter_context(_float_replaced(names))
        yield


def _their_globals(functions: Iterable[Callable[..., Any]]) -> list[dict[str, Any]]:
    """Return the global names of the functions' modules, and of those in the same folders."""
    codes = [getattr(function, "__code__", None) for function in functions]
    folders = tuple(
        {os.path.dirname(code.co_filename) + os.sep for code in codes if code is not None}  # noqa: PTH120 - of a thousand modules below
    )
    found = [getattr(function, "__globals__", {}) for function in functions]
    found += [
        vars(module)
        for module in list(sys.modules.values())
        if (file := getattr(module, "__file__", None))
        and file.startswith(folders)
        and not _is_library(file)
    ]
    return list({id(names): names for names in found}.values())


def _is_library(file: str) -> bool:
    return "site-packages" in file or file.startswith(HERE)


def _maker(make: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function that allocates arrays of floats return arrays that can hold balls."""

    @wraps(make)
    def made(*args: Any, **named: Any) -> Any:
        result = make(*args, **named)
        if isinstance(result, np.ndarray):
            note_dtype(result.dtype)
        return result if _is_library(sys._getframe(1).f_code.co_filename) else _holder(result)

    return made


def _converter(convert: Callable[..., Any]) -> Callable[..., Any]:
    """Let np.array and the like accept balls, also with a dtype of floats."""

    @wraps(convert)
    def converted(value: Any, *args: Any, **named: Any) -> Any:
        if _is_library(sys._getframe(1).f_code.co_filename):
            return convert(value, *args, **named)
        if _holds_balls(value):
            dtype = named.pop("dtype", None) if not args else args[0]
            result = convert(value, **named)
            if dtype is None or convert.__name__ == "copy":  # whose second argument is an order
                return _holder(result)
            return array_of(result.ravel().tolist(), result.shape).astype(dtype)
        return _holder(convert(value, *args, **named))

    return converted


def _holder(made: Any) -> Any:
    if not isinstance(made, np.ndarray) or made.dtype.kind not in "fO":
        return made
    return (made.astype(object) if made.dtype.kind == "f" else made).view(BallArray)


def _holds_balls(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_balls, value))
    return isinstance(value, Ball) or is_objects(value)


def _or_original(original: Callable[..., Any], in_balls: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def either(*args: Any, **named: Any) -> Any:
        given = (*args, *named.values())
        return (in_balls if any(map(_holds_balls, given)) else original)(*args, **named)

    return either


def _of_math(name: str, ufunc: str) -> Callable[..., Any]:
    function = FUNCTIONS[ufunc].function
    return _or_original(getattr(math, name), lambda *args: function(*(_one(x) for x in args)))


def _one(value: Any) -> Any:
    return asarray(value).item() if isinstance(value, np.ndarray) else value


def _log(x: Any, base: Any = None) -> Any:
    log = FUNCTIONS["log"].function
    return log(x) if base is None else log(x) / log(base)


class _FloatOrBall(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, float | Ball)

    def __call__(cls, *args: Any) -> Any:
        if args and _holds_balls(args[0]):
            return _one(args[0])
        return float(*args)


class Float(float, metaclass=_FloatOrBall):
    """Stands for the builtin `float` in user code: `float(loss)` is a ball if the loss is one."""

    dtype = np.dtype(np.float64)  # np.zeros(n, dtype=float) asks for it


@contextmanager
def _float_replaced(theirs: dict[str, Any]) -> Iterator[None]:
    if "float" in theirs:
        yield
        return
    theirs["float"] = Float
    try:
        yield
    finally:
        del theirs["float"]
