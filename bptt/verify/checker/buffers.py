"""Convert the arrays that user code allocates while it runs.

`np.zeros(n)` allocates real numbers. Complex parameters, or parameters of a subclass that adds
noise, would lose their imaginary part or their class when written into such a buffer. So within a
block, NumPy's functions that allocate arrays return converted ones.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np

from .calls import HERE

CREATION_FUNCTIONS = (
    "zeros", "zeros_like", "empty", "empty_like", "ones", "ones_like", "full", "full_like",
)  # fmt: skip


@contextmanager
def buffers_converted(
    convert: Callable[[np.ndarray], np.ndarray],
    used_by: Callable[..., Any],
    functions: Sequence[str] = CREATION_FUNCTIONS,
) -> Iterator[None]:
    """Apply `convert` to the floating arrays that these NumPy functions return in the block.

    Names that the module of the function `used_by` imported from NumPy (`from numpy import zeros`)
    are covered too. Arrays of integers and booleans stay as they are.
    """
    converting = {name: _converting(getattr(np, name), convert) for name in functions}
    with replaced(np, converting, [getattr(used_by, "__globals__", {})]):
        yield


@contextmanager
def replaced(
    module: Any,
    replacements: Mapping[str, Callable[..., Any]],
    importers: Iterable[dict[str, Any]],
) -> Iterator[None]:
    """Replace functions of a module in the block, by name.

    Names imported from it (`from numpy import zeros`) are replaced in the global names of
    `importers`.
    """
    originals = {name: getattr(module, name) for name in replacements}
    name_of = {id(original): name for name, original in originals.items()}
    imported = [
        (theirs, key, name_of[id(value)])
        for theirs in importers
        for key, value in list(theirs.items())
        if id(value) in name_of
    ]
    try:
        for name, replacement in replacements.items():
            setattr(module, name, replacement)
        for theirs, key, name in imported:
            theirs[key] = replacements[name]
        yield
    finally:
        for name, original in originals.items():
            setattr(module, name, original)
        for theirs, key, name in imported:
            theirs[key] = originals[name]


def _converting(
    make: Callable[..., Any], convert: Callable[[np.ndarray], np.ndarray]
) -> Callable[..., Any]:
    @wraps(make)
    def converted(*args: Any, **named: Any) -> Any:
        made = make(*args, **named)
        caller = sys._getframe(1).f_code.co_filename
        if "site-packages" in caller or caller.startswith(HERE) or not isinstance(made, np.ndarray):
            return made  # libraries and this package need their buffers as they are
        return convert(made) if made.dtype.kind in "fc" else made

    return converted
