"""Run a backward pass with the totals of its sums in float32, to see what that would change.

A sum in a lower precision loses what is added once its total is large: in bfloat16, 256 + 1 is 256.
That isn't a rounding that code in this dtype can't help, as a total in float32 costs one tensor.
Seen are sums of torch that Python runs term by term, or that `index_put` does.
"""

from typing import Any

from ...checker.oracles.noise import run_engine
from ..functions import TorchFunction
from ..problem import BackwardCase
from .disturbed import Gradients, arrays

SIGNS = {
    "add": 1.0, "add_": 1.0, "__add__": 1.0, "__radd__": 1.0, "__iadd__": 1.0,
    "sub": -1.0, "sub_": -1.0, "__sub__": -1.0, "__isub__": -1.0,
}  # fmt: skip
INDEXED = {"index_put", "index_put_"}  # index_add and scatter_add have totals in float32


def gradients_with_wide_sums(case: BackwardCase) -> tuple[Gradients, int]:
    """Return the gradients with all totals in float32, and the number of terms of the longest sum.

    No gradients and 0 for functions that aren't torch's.
    """
    if not isinstance(case.function, TorchFunction):
        return {}, 0
    import torch
    from torch.overrides import TorchFunctionMode

    totals = _Totals()

    class Follow(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            kwargs = kwargs or {}
            if func is torch.autograd.grad:
                with self:
                    return run_engine(*args, **kwargs)
            with torch._C.DisableTorchFunction(), torch.no_grad():
                found = totals.of(func.__name__, args, kwargs)
            result = func(*args, **kwargs)
            if found is not None:
                with torch._C.DisableTorchFunction(), torch.no_grad():
                    totals.keep(args[0] if result is None else result, *found)
            return result

    with Follow():
        gradients = arrays(case.gradients())
    return gradients, int(totals.longest)


class _Totals:
    """For each number of a lower precision, the same in float32, and how many terms it sums."""

    def __init__(self) -> None:
        self._of_storage: dict[int, tuple[Any, Any, Any]] = {}  # holds it, so that it lives on
        self.longest = 0.0

    def of(self, name: str, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        """Return the result of an operation in float32 and its terms; None if it isn't followed."""
        import torch

        if not args or not _is_low(args[0]):
            return None
        if name in SIGNS and len(args) == 2:
            (left, before), (right, others) = self._known(args[0]), self._known(args[1])
            wide = left + SIGNS[name] * kwargs.get("alpha", 1) * right
            return wide, torch.maximum(before, others) + 1
        if name in INDEXED and len(args) == 3 and kwargs.get("accumulate"):
            (total, before), (indices, values) = self._known(args[0]), args[1:]
            terms = before.index_put(indices, torch.ones(values.shape), accumulate=True)
            return total.index_put(indices, values.float(), accumulate=True), terms
        if name == "__getitem__":
            total, before = self._known(args[0])
            return total[args[1]], before[args[1]]
        if name == "__setitem__" and _is_low(args[2]):
            (total, before), (right, others) = self._known(args[0]), self._known(args[2])
            total, before = total.clone(), before.clone()
            total[args[1]], before[args[1]] = right, others
            return total, before
        return None

    def keep(self, result: Any, wide: Any, terms: Any) -> None:
        """Round the result from float32 once, and remember both."""
        if not _is_low(result):
            return
        result.data.copy_(wide)
        total, before = self._known(result)
        total.copy_(wide)
        before.copy_(terms)
        self.longest = max(self.longest, float(terms.max()) if terms.numel() else 0.0)

    def _known(self, value: Any) -> tuple[Any, Any]:
        """Return views of the numbers in float32 and of their terms."""
        import torch

        if not _is_low(value):
            wide = torch.as_tensor(value).detach().float()
            return wide, torch.zeros(())
        storage = value.untyped_storage()
        if storage.data_ptr() not in self._of_storage:
            flat = torch.empty(0, dtype=value.dtype).set_(storage).float()
            self._of_storage[storage.data_ptr()] = storage, flat, torch.zeros_like(flat)
        _, flat, flat_terms = self._of_storage[storage.data_ptr()]
        where = value.shape, value.stride(), value.storage_offset()
        total, terms = flat.as_strided(*where), flat_terms.as_strided(*where)
        written = total.to(value.dtype) != value.detach()  # by an operation that isn't followed
        total[written], terms[written] = value.detach().float()[written], 0.0
        return total, terms


def _is_low(value: Any) -> bool:
    """Whether a total may be kept: not of an expanded tensor, whose entries share their numbers."""
    import torch

    return (
        isinstance(value, torch.Tensor)
        and value.dtype in (torch.bfloat16, torch.float16)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and all(
            stride for size, stride in zip(value.shape, value.stride(), strict=True) if size > 1
        )
    )
