"""Find functions in user code that are not analytic, as the complex step needs them to be.

`np.abs`, `np.conj` and functions built on them (variance, standard deviation, norm) are not: for
complex arguments they aren't the analytic continuation of their real versions.
"""

from typing import Any

import numpy as np

from ..buffers import buffers_converted
from ..calls import CaseError
from ..evaluated_problem import Loss

NOT_ANALYTIC = {
    np.absolute, np.conjugate, np.sign, np.angle, np.vdot, np.linalg.norm, np.var, np.std,
}  # fmt: skip


class Watched(np.ndarray):
    """A complex array that records the functions applied to it that are not analytic."""

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
        if out is not None:
            return out[0] if len(out) == 1 else out
        if isinstance(result, np.ndarray | np.complexfloating):
            return watched(np.asarray(result), self.seen)
        return result

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        self._noted(func, args)
        return super().__array_function__(func, types, args, kwargs)

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
    seen: set[str] = set()
    values = {
        name: watched(value.astype(np.complex128), seen) for name, value in loss.point.items()
    }
    try:
        with buffers_converted(lambda made: watched(made.astype(np.complex128), seen), loss.raw):
            loss.evaluate(values)
    except CaseError:  # it may not accept this subclass; what was recorded before is still valid
        pass
    return sorted(seen)
