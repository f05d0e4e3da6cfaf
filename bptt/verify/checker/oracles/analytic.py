"""Find functions in user code that are not analytic, as the complex step needs them to be.

`np.abs`, `np.conj` and functions built on them (variance, standard deviation, norm) are not: for
complex arguments they aren't the analytic continuation of their real versions.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..buffers import buffers_converted
from ..calls import CaseError
from ..evaluated_problem import Arrays, Loss

NOT_ANALYTIC = {
    np.absolute, np.conjugate, np.sign, np.angle, np.vdot, np.linalg.norm, np.var, np.std,
}  # fmt: skip
SMALLEST, SUBNORMAL = np.finfo(np.float64).tiny, "subnormal numbers"


class Watched(np.ndarray):
    """An array that records functions applied to it that are not analytic, and lost digits."""

    seen: set[str]

    def __array_finalize__(self, obj: Any) -> None:
        self.seen = getattr(obj, "seen", set())

    def _noted(self, function: Any, inputs: Any) -> None:
        if function in NOT_ANALYTIC and any(np.iscomplexobj(given) for given in inputs):
            self.seen.add(f"np.{function.__name__}")

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **named: Any
    ) -> Any:
        self._noted(ufunc, inputs)
        plain = [x.view(np.ndarray) if isinstance(x, Watched) else x for x in inputs]
        if out is not None:
            named["out"] = tuple(x.view(np.ndarray) if isinstance(x, Watched) else x for x in out)
        result = getattr(ufunc, method)(*plain, **named)
        self._note_subnormal(result)
        if out is not None:
            return out[0] if len(out) == 1 else out
        if isinstance(result, np.ndarray | np.inexact):
            return watched(np.asarray(result), self.seen)
        return result

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        self._noted(func, args)
        return super().__array_function__(func, types, args, kwargs)

    def _note_subnormal(self, result: Any) -> None:
        for part in (np.real(result), np.imag(result)):
            if part.dtype.kind == "f" and ((part != 0.0) & (np.abs(part) < SMALLEST)).any():
                self.seen.add(SUBNORMAL)

    def var(self, *args: Any, **named: Any) -> Any:
        self._noted(np.var, [self])
        return np.asarray(self).var(*args, **named)

    def std(self, *args: Any, **named: Any) -> Any:
        self._noted(np.std, [self])
        return np.asarray(self).std(*args, **named)


def watched(value: np.ndarray, seen: set[str]) -> Watched:
    """Return a view that records into `seen`."""
    view = value.view(Watched)
    view.seen = seen
    return view


def not_analytic(loss: Loss) -> list[str]:
    """List the functions in the loss that are applied to complex numbers and aren't analytic."""
    return sorted(_seen(loss, {}) - {SUBNORMAL})


def makes_subnormals(loss: Loss, direction: Arrays | None = None, step: float = 0.0) -> bool:
    """Whether the loss makes numbers below 2e-308, such as exp(-740): their digits are lost.

    With a direction the parameters are complex, moved by `step` along it. Only NumPy is seen into.
    """
    if loss.device is not None:
        return False
    moved = {name: 1j * step * part for name, part in (direction or {}).items()}
    return SUBNORMAL in _seen(loss, moved, np.float64 if direction is None else np.complex128)


def _seen(loss: Loss, moved: Mapping[str, np.ndarray], dtype: type = np.complex128) -> set[str]:
    seen: set[str] = set()

    def wide(made: np.ndarray) -> np.ndarray:
        return watched(np.asarray(made, dtype), seen)

    values = {
        name: wide(np.asarray(value + moved.get(name, 0.0))) for name, value in loss.point.items()
    }
    try:
        with buffers_converted(wide, loss.raw):
            loss.evaluate(values)
    except CaseError:  # it may not accept this subclass; what was recorded before is still valid
        pass
    return seen
