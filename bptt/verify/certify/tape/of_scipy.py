"""Functions of scipy.special that are no ufuncs, on balls. SciPy need not be installed.

Exponents of balls don't overflow, so no largest number is subtracted first.
"""

from typing import Any

import numpy as np

from .dispatch import BallArray, asarray


def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """Return the logarithm of the sum of exponentials. Raises TypeError for `return_sign`."""
    if return_sign:
        raise TypeError("logsumexp: return_sign is not supported on balls")
    exponentials = np.exp(_balls(a)) if b is None else b * np.exp(_balls(a))
    return np.log(np.sum(exponentials, axis=axis, keepdims=keepdims))


def softmax(x: Any, axis: Any = None) -> Any:
    exponentials = np.exp(_balls(x))
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = None) -> Any:
    return _balls(x) - logsumexp(x, axis, keepdims=True)


def _balls(value: Any) -> BallArray:
    return asarray(value, object).view(BallArray)


FUNCTIONS_OF_SCIPY = {"logsumexp": logsumexp, "softmax": softmax, "log_softmax": log_softmax}
