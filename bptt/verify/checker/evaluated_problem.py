"""A problem at one case, with checked calls of its loss and gradient, for the oracles."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from . import truncation
from .buffers import buffers_converted
from .calls import CaseError, call
from .loading import ProblemFactory
from .problem import Case, GradientProblem

Arrays = dict[str, np.ndarray]
UNITS = {"float64": 2.0**-53, "float32": 2.0**-24}  # unit roundoff


def is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def to_array(value: Any) -> np.ndarray:
    """Copy a result of user code into an array."""
    if is_tensor(value):
        return np.array(value.detach().cpu().resolve_conj().numpy())
    return np.array(value)


@dataclass(frozen=True)
class Loss:
    """A scalar function of named arrays, at a point.

    `raw` is the user's function of arrays or tensors. `dtype` is that of the user's parameters,
    `device` their torch device (None for NumPy), `limit` a call's time limit in seconds. With
    `complex_buffers`, the NumPy arrays that the function allocates are complex if its parameters
    are. Without `autograd`, PyTorch's gradient of it is no oracle.
    """

    point: Arrays
    raw: Callable[[dict[str, Any]], Any]
    dtype: str
    device: Any
    limit: float
    complex_buffers: bool = False
    autograd: bool = True

    @property
    def unit(self) -> float:
        return UNITS[self.dtype]

    def wrap(self, values: Arrays, dtype: str | None) -> dict[str, Any]:
        """Copy arrays to arrays or tensors for the function, in a dtype (None: their own)."""
        if self.device is None:
            return {name: np.array(value, dtype=dtype) for name, value in values.items()}
        import torch

        return {
            name: torch.tensor(
                value, dtype=getattr(torch, dtype or value.dtype.name), device=self.device
            )
            for name, value in values.items()
        }

    def __call__(self, values: Arrays, dtype: str | None = None) -> float:
        """Return the loss, possibly NaN. Raises CaseError where it isn't a real scalar."""
        return float(scalar(self.evaluate(self.wrap(values, dtype or self.dtype))))

    def evaluate(self, values: dict[str, Any]) -> Any:
        with _made_like(values), self._buffers(values):
            return without_axes(call("loss", self.raw, values, limit=self.limit))

    def _buffers(self, values: dict[str, Any]) -> AbstractContextManager[None]:
        if not self.complex_buffers or not any(map(np.iscomplexobj, values.values())):
            return nullcontext()
        return buffers_converted(lambda made: made.astype(np.complex128), self.raw)


@contextmanager
def _made_like(values: dict[str, Any]) -> Iterator[None]:
    """Make the parameters' dtype torch's default, for tensors made without a dtype."""
    first = next(iter(values.values()))
    if not is_tensor(first):
        yield
        return
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(first.dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def same_loss(whole: float, of_steps: float, unit: float) -> None:
    """Raise CaseError unless `loss_of_steps` of equal copies equals the loss."""
    if not abs(whole - of_steps) <= 1e4 * unit * max(abs(whole), abs(of_steps)):
        raise CaseError(
            "broken", f"loss_of_steps of equal copies is {of_steps:.17g}, but loss is {whole:.17g}"
        )


def without_axes(result: Any) -> Any:
    """Turn a loss of shape (1,) or (1, 1) into a scalar."""
    shape = tuple(getattr(result, "shape", ()))
    return result.reshape(()) if shape and set(shape) == {1} else result


def scalar(result: Any) -> np.ndarray:
    """Return a loss as an array of no axes. Raises CaseError where it isn't one real number."""
    if result is None:
        raise CaseError("broken", "loss must be a scalar, got None: does it return anything?")
    value = without_axes(to_array(result))
    if value.shape != ():
        raise CaseError("broken", f"loss must be a scalar, got shape {value.shape}")
    if value.dtype.kind not in "fiu":
        raise CaseError("broken", f"loss must be a real number, got {value.dtype} {value!s:.40}")
    return value


class EvaluatedProblem:
    """A problem at one case: its parameters as arrays, its loss and its gradient."""

    def __init__(self, problem: GradientProblem, scale: float, limit: float) -> None:
        self.problem = problem
        self.limit = limit
        arrays, self.dtype, device = accept(problem.parameters)
        factor = np.array(scale, self.dtype)
        scaled = arrays.keys() if problem.scaled is None else problem.scaled
        self.point: Arrays = {
            name: np.asarray(value * factor if name in scaled else value)
            for name, value in arrays.items()
        }
        self.loss = Loss(
            self.point, problem.loss, self.dtype, device, limit, autograd=problem.autograd
        )

    def truncate(self, T: int | None) -> None:
        """Replace the loss by one whose plain gradient is the truncated gradient."""
        truncation.check(self.problem, T)
        raw, K = self.problem.loss_of_steps, self.problem.truncate
        if T is None or raw is None or K is None:
            return
        whole = self.loss(self.point)
        steps = replace(self.loss, raw=lambda values: truncation.total(raw([values] * T), T))
        same_loss(whole, steps(self.point), self.loss.unit)
        loss = truncation.truncated(raw, T, K, self._fixed)
        self.loss = replace(self.loss, raw=lambda values: loss([values] * T))

    def _fixed(self, like: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters at the point, as arrays or tensors of the same kind as `like`."""
        first = next(iter(like.values()))
        if not is_tensor(first):
            return self.loss.wrap(self.point, None)
        return self.loss.wrap(self.point, str(first.dtype).removeprefix("torch."))

    def gradient(self, values: dict[str, Any] | None = None) -> Arrays:
        """Call the hand-written gradient. Raises CaseError where names or shapes are wrong."""
        if values is None:
            values = self.loss.wrap(self.point, self.dtype)
        given = call("gradient", self.problem.gradient, values, limit=self.limit)
        return self._checked(given, "gradient")

    def flat_gradient(self, values: Arrays) -> np.ndarray:
        """Return the gradient at these values, all parameters in one vector."""
        computed = self.gradient(self.loss.wrap(values, self.dtype))
        return np.concatenate([part.ravel() for part in computed.values()])

    def _checked(self, given: Any, what: str) -> Arrays:
        if not isinstance(given, dict):
            raise CaseError("broken", f"{what} must return a dict, got {type(given).__name__}")
        missing, extra = self.point.keys() - given.keys(), given.keys() - self.point.keys()
        if missing or extra:
            said = [
                f"{word} {', '.join(sorted(map(str, names)))}"
                for word, names in (("misses", missing), ("has the unknown", extra))
                if names
            ]
            raise CaseError(
                "broken", f"{what} {' and '.join(said)}; expected {', '.join(self.point)}"
            )
        arrays = {}
        for name, value in self.point.items():
            # PyTorch returns None as the gradient of an unused parameter.
            arrays[name] = np.zeros(value.shape) if given[name] is None else to_array(given[name])
            if arrays[name].shape != value.shape:
                raise CaseError(
                    "broken",
                    f"{what}: expected {name} of shape {value.shape}, got {arrays[name].shape}",
                )
            if arrays[name].dtype.kind not in "fiu":
                raise CaseError("broken", f"{what}: {name} has dtype {arrays[name].dtype}")
            arrays[name] = arrays[name].astype(np.float64)
        return arrays

    def loss_of_copies(self, T: int) -> Loss:
        """Return the loss with a copy of the parameters for each step, under names like `W@3`."""
        raw = self.problem.loss_of_steps
        if raw is None:
            raise ValueError("the problem has no loss_of_steps")

        if self.problem.truncate is not None:
            raw = truncation.truncated(raw, T, self.problem.truncate, self._fixed)

        def flat(values: dict[str, Any]) -> Any:
            copies = [{name: values[f"{name}@{t}"] for name in self.point} for t in range(T)]
            return truncation.total(raw(copies), T)

        point = {f"{name}@{t}": value for t in range(T) for name, value in self.point.items()}
        return replace(self.loss, point=point, raw=flat)

    def folded(self, contributions: list[Arrays]) -> Arrays:
        """Combine the per-step contributions with the problem's `fold`, or by adding them."""
        fold = self.problem.fold
        if fold is None:
            return {
                name: np.sum([contribution[name] for contribution in contributions], axis=0)
                for name in self.point
            }
        wrapped = [self.loss.wrap(contribution, "float64") for contribution in contributions]
        return self._checked(call("fold", fold, wrapped, limit=self.limit), "fold")


def make(factory: ProblemFactory, case: Case, limit: float) -> EvaluatedProblem:
    """Make the problem of a case. Raises CaseError where that fails or gives no problem."""
    rng = np.random.default_rng(case.seed)
    counted = {} if case.counted is None else {"counted": case.counted}
    made = partial(factory.function, rng=rng, **case.sizes, **counted)
    problem = call("making the problem", made, limit=limit)
    if not isinstance(problem, GradientProblem):
        raise CaseError("broken", f"expected a GradientProblem, got {type(problem).__name__}")
    evaluated = EvaluatedProblem(problem, case.scale, limit)
    if problem.truncate is not None:
        evaluated.truncate(case.sizes.get("T"))
    return evaluated


def accept(parameters: Any) -> tuple[Arrays, str, Any]:
    """Check parameters; return them as arrays, the name of their dtype, and their torch device.

    Raises CaseError where they can't be used. The device is None for NumPy.
    """
    if not isinstance(parameters, dict) or not parameters:
        raise CaseError("broken", "parameters must be a dict of at least one named array")
    tensors = {is_tensor(value) for value in parameters.values()}
    if len(tensors) > 1:
        raise CaseError("broken", "parameters must be all NumPy or all torch, got both")
    arrays = {}
    for name, value in parameters.items():
        if not isinstance(name, str):
            raise CaseError("broken", f"parameters must be named by strings, got {name!r}")
        dtype = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
        if dtype not in UNITS:
            raise CaseError(
                "broken", f"parameter {name} must be float64 or float32 to be moved, got {dtype}"
            )
        arrays[name] = to_array(value)
    dtypes = sorted({value.dtype.name for value in arrays.values()})
    if len(dtypes) > 1:
        raise CaseError("broken", f"parameters must have one dtype, got {' and '.join(dtypes)}")
    first = next(iter(parameters.values()))
    return arrays, dtypes[0], first.device if tensors.pop() else None
