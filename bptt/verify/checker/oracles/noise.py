"""Estimate the rounding error of a result by Monte Carlo arithmetic.

Each elementary operation of the code gets a random relative error far above its rounding error; the
resulting change of the result, scaled back, estimates the effect of ordinary rounding. Operations
on Python floats are not disturbed, so the estimate can be too small for code that uses them.

Source: Parker (1997), Monte Carlo Arithmetic.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..buffers import CREATION_FUNCTIONS, buffers_converted
from ..calls import HUNG, CaseError
from ..evaluated_problem import UNITS, Arrays, Loss, to_array

LOSS_SAMPLES = 4
# Far above the rounding of the dtype, and too small to change which branches are taken.
AMPLIFICATION = {"float64": 2.0**10, "float32": 2.0**7}
EXACT = {
    np.negative, np.positive, np.absolute, np.maximum, np.minimum, np.sign, np.copysign,
    np.floor, np.ceil, np.trunc, np.rint, np.conjugate, np.fmax, np.fmin,
}  # fmt: skip
COPIERS = ("array", "asarray", "ascontiguousarray")  # they drop the subclass of their argument
ROUNDED_FUNCTIONS = {np.dot, np.einsum, np.inner, np.outer, np.tensordot, np.vdot, np.convolve}


class Noisy(np.ndarray):
    """An array whose operations all have a small random error."""

    rng: np.random.Generator
    size_of_noise: float

    def __array_finalize__(self, obj: Any) -> None:
        self.rng = getattr(obj, "rng", None)  # pyright: ignore[reportAttributeAccessIssue]
        self.size_of_noise = getattr(obj, "size_of_noise", 0.0)

    def _disturbed(self, value: Any) -> Any:
        if not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind not in "fc":
            return value
        values: Any = np.asarray(value)
        noise = self._noise(values.real)
        if values.dtype.kind == "c":  # real and imaginary parts are rounded separately
            noise = noise + 1j * self._noise(values.imag)
        return self._own(np.asarray(values + noise, dtype=values.dtype))

    def _noise(self, values: np.ndarray) -> np.ndarray:
        relative = self.size_of_noise * self.rng.uniform(-1.0, 1.0, values.shape)
        return np.multiply(  # infinity is exact: so is that of a mask, whose exponential is 0
            relative, values, where=np.isfinite(values), out=np.zeros(values.shape)
        )

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
        """Return a floating result as a Noisy array, so that operations on it are disturbed too."""
        is_float = isinstance(result, np.ndarray | np.inexact) and result.dtype.kind in "fc"
        return self._own(np.asarray(result)) if is_float else result

    def dot(self, other: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self @ other


def noisy_array(value: np.ndarray, rng: np.random.Generator, size: float) -> Noisy:
    """Return a view of an array whose operations are all disturbed, by a relative `size`."""
    own = value.view(Noisy)
    own.rng, own.size_of_noise = rng, size
    return own


def disturb_tensors(
    run: Callable[[], Any],
    seed: int,
    size: float,
    exact: frozenset[str] = frozenset(),
    kept: Callable[[Any], bool] = lambda _: False,
    into_backward: bool = False,
) -> Any:
    """Run torch code with a relative error of at most `size` in each operation.

    The operations named in `exact` get none, and neither do the tensors saved for the backward pass
    of which `kept` is true. `torch.autograd.grad` is one operation, unless `into_backward`: then
    those of a backward pass in Python are disturbed as well, and what a disturbed operation has
    made is not disturbed again where it was saved.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    generator = torch.Generator().manual_seed(seed)
    made: set[int | None] = set()

    def noise_for(value: Any) -> Any:
        uniform = torch.rand(value.shape, generator=generator, dtype=value.dtype)
        return 1 + size * (2 * uniform - 1)

    class Disturb(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if func is torch.autograd.grad and into_backward:
                with self:
                    return run_engine(*args, **(kwargs or {}))
            result = func(*args, **(kwargs or {}))
            if not isinstance(result, torch.Tensor) or not result.is_floating_point():
                return result
            if func.__name__ in exact:
                made.add(address(result))
                return result
            if result.device.type != "cpu" or result._is_view():
                return result  # writing into a view must still change its base
            if any(result is given for given in args):
                # Either it worked in place, or it had nothing to do, as `to` may.
                if result.requires_grad or not works_in_place(func.__name__):
                    return result
                return result.mul_(noise_for(result))
            disturbed = result * noise_for(result)
            made.add(address(disturbed))
            return disturbed

    def unpack(saved: Any) -> Any:
        if not saved.is_floating_point() or kept(saved):
            return saved
        if into_backward and address(saved) in made:
            return saved
        return saved * noise_for(saved)

    # Tensors saved for the backward pass are disturbed as well.
    with Disturb(), torch.autograd.graph.saved_tensors_hooks(lambda saved: saved, unpack):
        return run()


def run_engine(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    **_: Any,
) -> tuple[Any, ...]:
    """Do what `torch.autograd.grad` does; that suspends function modes until it returns."""
    from torch.autograd import Variable

    engine: Any = Variable._execution_engine
    keep = create_graph if retain_graph is None else retain_graph
    return engine.run_backward(
        tuple(outputs), tuple(grad_outputs), keep, create_graph, tuple(inputs),
        allow_unreachable=True, accumulate_grad=False,
    )  # fmt: skip


def address(value: Any) -> int | None:
    """Return where a tensor's numbers are; None for a sparse one, whose numbers aren't together."""
    import torch

    return value.data_ptr() if value.layout == torch.strided else None


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
    """Run user code on the loss's point, in `dtype`, with every operation disturbed.

    `sample` is the seed. `along` is added to the values as an imaginary part (NumPy only), which
    makes all of them complex. `arithmetic` is the dtype that the code computes in, if another.
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
        with buffers_converted(noisy, loss.raw, (*CREATION_FUNCTIONS, *COPIERS)):
            return run({name: value._disturbed(value) for name, value in noisy_values.items()})
    moved = {
        name: value * (1 + size * rng.uniform(-1.0, 1.0, value.shape))
        for name, value in loss.point.items()
    }
    values = loss.wrap(moved, dtype)
    return disturb_tensors(lambda: run(values), sample, size)


def samples(run: Callable[[int], Any], count: int) -> list[Any]:
    """Return the results of the disturbed runs that succeed, possibly none.

    User code need not accept disturbed values, so a failure here is not an error of that code.
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
    """Estimate the effect of rounding on the loss at its point; 0 if it can't be estimated."""

    def height(sample: int) -> float:
        found = to_array(disturbed(loss, loss.evaluate, dtype, sample, arithmetic=arithmetic))
        return complex(found.item()).real

    values = samples(height, LOSS_SAMPLES)
    if not np.isfinite(
        values
    ).all():  # rounding can leave the domain of a function: log(1 - f), f near 1
        return abs(loss(loss.point, dtype)) / AMPLIFICATION[arithmetic]
    # The parameters were disturbed too, which changes the loss by more than its own rounding.
    return float(np.ptp(values)) / AMPLIFICATION[arithmetic] if values else 0.0
