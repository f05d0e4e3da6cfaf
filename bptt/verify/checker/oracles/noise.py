"""How much of a result is rounding? Monte Carlo arithmetic: round everything worse, and look.

Each elementary operation of the code gets a random relative error far above its own rounding; how
far the result strays then, scaled back, is what ordinary rounding does to it. Only operations on
arrays are reached, not those on Python floats, so the estimate can be too small there.

Source: Parker (1997), Monte Carlo Arithmetic.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..buffers import MAKERS, buffers_converted
from ..calls import HUNG, CaseError
from ..subject import UNITS, Arrays, Loss, to_array

LOSS_SAMPLES = 4
# Far above the dtype's rounding, far below what would change the computation's course.
AMPLIFICATION = {"float64": 2.0**10, "float32": 2.0**7}
EXACT = {
    np.negative, np.positive, np.absolute, np.maximum, np.minimum, np.sign, np.copysign,
    np.floor, np.ceil, np.trunc, np.rint, np.conjugate, np.fmax, np.fmin,
}  # fmt: skip
COPIERS = ("array", "asarray", "ascontiguousarray")  # which lose the class of what they copy
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
        noise = self._noise(values.shape) * values.real
        if values.dtype.kind == "c":  # the two parts are rounded each on its own
            noise = noise + 1j * (self._noise(values.shape) * values.imag)
        return self._own(np.asarray(values + noise, dtype=values.dtype))

    def _noise(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.size_of_noise * self.rng.uniform(-1.0, 1.0, shape)

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
            return self._kept(result)
        return self._disturbed(result)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        result = super().__array_function__(func, types, args, kwargs)
        return self._disturbed(result) if func in ROUNDED_FUNCTIONS else self._kept(result)

    def _kept(self, result: Any) -> Any:
        """Let operations on a result be disturbed in turn, where it is an array of floats."""
        is_float = isinstance(result, np.ndarray | np.inexact) and result.dtype.kind in "fc"
        return self._own(np.asarray(result)) if is_float else result

    def dot(self, other: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self @ other


def noisy_array(value: np.ndarray, rng: np.random.Generator, size: float) -> Noisy:
    """Return a view whose every operation is disturbed."""
    own = value.view(Noisy)
    own.rng, own.size_of_noise = rng, size
    return own


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
                # Either it worked in place, or, as `to` does, it had nothing to do.
                if result.requires_grad or not works_in_place(func.__name__):
                    return result
                return result.mul_(noise_for(result))
            return result * noise_for(result)

    def unpack(saved: Any) -> Any:
        return saved * noise_for(saved) if saved.is_floating_point() else saved

    # What the forward pass keeps for the backward pass is rounded as well.
    with Disturb(), torch.autograd.graph.saved_tensors_hooks(lambda kept: kept, unpack):
        return run()


def works_in_place(name: str) -> bool:
    """Whether a torch function of this name writes into its first argument."""
    if name.startswith("__"):
        return name.startswith("__i") and name not in ("__index__", "__int__", "__invert__")
    return name.endswith("_") and name not in ("requires_grad_", "retain_grad_")


def disturbed(
    loss: Loss,
    run: Callable[[dict[str, Any]], Any],
    dtype: str,
    sample: int,
    along: Arrays | None = None,
    arithmetic: str = "",
) -> Any:
    """Run somebody's code on values of `dtype` whose every operation is disturbed.

    `along` is added to the values, in NumPy as an imaginary part; all of them are complex then.
    `arithmetic` is the dtype that the code computes in, where that is another.
    """
    size = UNITS[arithmetic or dtype] * AMPLIFICATION[arithmetic or dtype]
    rng = np.random.default_rng([20, sample])
    if loss.device is None:
        values: dict[str, Any] = loss.wrap(loss.point, dtype)
        if along is not None:
            values = {name: np.asarray(value + 0j) for name, value in values.items()}
            for name, part in along.items():
                values[name] += 1j * part

        def noisy(made: np.ndarray) -> Noisy:
            wide = made.astype(np.complex128) if along is not None else made
            return noisy_array(wide, rng, size)

        noisy_values = {name: noisy(value) for name, value in values.items()}
        with buffers_converted(noisy, loss.raw, (*MAKERS, *COPIERS)):
            return run({name: value._disturbed(value) for name, value in noisy_values.items()})
    moved = {
        name: value * (1 + size * rng.uniform(-1.0, 1.0, value.shape))
        for name, value in loss.point.items()
    }
    values = loss.wrap(moved, dtype)
    return _disturb_tensors(lambda: run(values), sample, size)


def samples(run: Callable[[int], Any], count: int) -> list[Any]:
    """Return the results of disturbed runs that could be had, perhaps none.

    Other people's code need not accept disturbed values: what fails here says nothing about it.
    """
    results = []
    for sample in range(count):
        try:
            results.append(run(sample))
        except CaseError as trouble:
            if trouble.kind == HUNG:
                break
    return results


def loss_noise(loss: Loss, dtype: str, arithmetic: str) -> float:
    """Estimate how far rounding moves the loss at its point; 0 where that can't be had."""

    def height(sample: int) -> float:
        found = to_array(disturbed(loss, loss.evaluate, dtype, sample, arithmetic=arithmetic))
        return complex(found.item()).real

    values = samples(height, LOSS_SAMPLES)
    if not np.isfinite(
        values
    ).all():  # rounding can take it out of its domain: log(1 - f), f near 1
        return abs(loss(loss.point, dtype)) / AMPLIFICATION[arithmetic]
    # The parameters were disturbed too, which moves the loss more than its own rounding would.
    return float(np.ptp(values)) / AMPLIFICATION[arithmetic] if values else 0.0
