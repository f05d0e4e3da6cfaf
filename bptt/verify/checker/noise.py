"""How much of a result is rounding? Monte Carlo arithmetic: round everything worse, and look.

Each elementary operation of the code gets a random relative error far above its own rounding; how
far the result strays then, scaled back, is what ordinary rounding does to it. Only operations on
arrays are reached, not those on Python floats, so the estimate can be too small there.

Source: Parker (1997), Monte Carlo Arithmetic.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .differences import signs
from .oracles import COMPLEX, STEP, Oracle, autograd_of, complex_slope
from .subject import UNITS, Arrays, Loss, Subject

SAMPLES = 6
ORACLE_SAMPLES = 3
# Far above the dtype's rounding, far below what would change the computation's course.
AMPLIFICATION = {"float64": 2.0**10, "float32": 2.0**7}
EXACT = {
    np.negative, np.positive, np.absolute, np.maximum, np.minimum, np.sign, np.copysign,
    np.floor, np.ceil, np.trunc, np.rint, np.conjugate, np.fmax, np.fmin,
}  # fmt: skip
ROUNDED_FUNCTIONS = {np.dot, np.einsum, np.inner, np.outer, np.tensordot, np.vdot, np.convolve}


class Noisy(np.ndarray):
    """An array whose every operation is a little wrong."""

    rng: np.random.Generator
    size_of_noise: float

    def __array_finalize__(self, obj: Any) -> None:
        self.rng = getattr(obj, "rng", None)  # pyright: ignore[reportAttributeAccessIssue]
        self.size_of_noise = getattr(obj, "size_of_noise", 0.0)

    def _disturbed(self, value: Any) -> Any:
        if not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind not in "fc":
            return value
        values: Any = np.asarray(value)
        noise = self.size_of_noise * self.rng.uniform(-1.0, 1.0, values.shape)
        return self._own(np.asarray(values + values * noise, dtype=values.dtype))

    def _own(self, value: np.ndarray) -> "Noisy":
        own = value.view(Noisy)
        own.rng, own.size_of_noise = self.rng, self.size_of_noise
        return own

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **named: Any
    ) -> Any:
        plain = [x.view(np.ndarray) if isinstance(x, Noisy) else x for x in inputs]
        if out is not None:
            named["out"] = tuple(x.view(np.ndarray) if isinstance(x, Noisy) else x for x in out)
        if isinstance(named.get("where"), Noisy):
            named["where"] = named["where"].view(np.ndarray)
        result = getattr(ufunc, method)(*plain, **named)
        if result is None:  # ufunc.at works in place
            return None
        if out is not None:
            for target in out:
                if ufunc not in EXACT and target is not None and target.dtype.kind in "fc":
                    values = target.view(np.ndarray)
                    values[...] = self._disturbed(values)
            return out[0] if len(out) == 1 else out
        if isinstance(result, tuple):
            return tuple(self._disturbed(part) for part in result)
        if ufunc in EXACT:
            return self._own(np.asarray(result)) if np.ndim(result) else result
        return self._disturbed(result)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        result = super().__array_function__(func, types, args, kwargs)
        return self._disturbed(result) if func in ROUNDED_FUNCTIONS else result

    def dot(self, other: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self @ other


def noisy_arrays(values: dict[str, Any], rng: np.random.Generator, size: float) -> dict[str, Any]:
    """Make copies whose operations are all disturbed, beginning with the values themselves."""
    noisy = {}
    for name, value in values.items():
        own = np.array(value).view(Noisy)
        own.rng, own.size_of_noise = rng, size
        noisy[name] = own._disturbed(own)
    return noisy


def _disturb_tensors(run: Callable[[], Any], seed: int, size: float) -> Any:
    import torch
    from torch.overrides import TorchFunctionMode

    generator = torch.Generator().manual_seed(seed)

    def noise_for(value: Any) -> Any:
        uniform = torch.rand(value.shape, generator=generator, dtype=value.dtype)
        return 1 + size * (2 * uniform - 1)

    class Disturb(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            result = func(*args, **(kwargs or {}))
            if not isinstance(result, torch.Tensor) or not result.is_floating_point():
                return result
            if result.device.type != "cpu" or result._is_view():
                return result  # writing into a view must go on reaching its base
            if any(result is given for given in args):
                return result if result.requires_grad else result.mul_(noise_for(result))
            return result * noise_for(result)

    with Disturb():
        return run()


def disturbed(
    loss: Loss, run: Callable[[dict[str, Any]], Any], dtype: str, sample: int, along: Arrays
) -> Any:
    """Run somebody's code on values whose every operation is disturbed.

    `along` is added to the values, in NumPy as an imaginary part.
    """
    size = UNITS[dtype] * AMPLIFICATION[dtype]
    rng = np.random.default_rng([20, sample])
    if loss.device is None:
        values = loss.wrap(loss.point, dtype)
        for name, part in along.items():
            values[name] = values[name] + 1j * part
        return run(noisy_arrays(values, rng, size))
    moved = {
        name: value * (1 + size * rng.uniform(-1.0, 1.0, value.shape))
        for name, value in loss.point.items()
    }
    values = loss.wrap(moved, dtype)
    return _disturb_tensors(lambda: run(values), sample, size)


def gradient_noise(subject: Subject, mine: Arrays) -> dict[str, float]:
    """Estimate each parameter's largest rounding error in the hand-written gradient."""
    spread = dict.fromkeys(mine, 0.0)
    for sample in range(SAMPLES):
        strayed = disturbed(subject.loss, subject.gradient, subject.dtype, sample, {})
        for name, value in mine.items():
            spread[name] = max(spread[name], _far(strayed[name], value, subject.dtype))
    return spread


def oracle_noise(oracle: Oracle, name: str) -> float:
    """Estimate a parameter's largest rounding error in what the oracle says.

    Differences carry their own estimate, so they get none here.
    """
    if oracle.name == COMPLEX:
        return _complex_noise(oracle.loss, name)
    if oracle.gradient is None:
        return 0.0
    strayed = (
        disturbed(
            oracle.loss, lambda values: autograd_of(oracle.loss, values), oracle.dtype, sample, {}
        )
        for sample in range(ORACLE_SAMPLES)
    )
    return max(_far(found[name], oracle.gradient[name], oracle.dtype) for found in strayed)


def _complex_noise(loss: Loss, name: str) -> float:
    direction = signs(loss, name, np.random.default_rng(30))
    expected = complex_slope(loss, direction)
    along = {name: direction[name] * STEP}
    spread = 0.0
    for sample in range(ORACLE_SAMPLES):
        strayed = disturbed(loss, loss.evaluate, "float64", sample, along)
        found = np.asarray(complex(strayed).imag / STEP)
        spread = max(spread, _far(found, np.asarray(expected), "float64"))
    return spread


def _far(strayed: np.ndarray, value: np.ndarray, dtype: str) -> float:
    far = np.abs(strayed - value)
    return float(far.max(initial=0.0)) / AMPLIFICATION[dtype] if np.isfinite(far).all() else np.inf
