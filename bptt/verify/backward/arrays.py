"""Arrays of NumPy and tensors of torch as inputs: copies, dtypes, complex ones, memory layouts."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..checker.calls import BROKEN, CaseError
from ..checker.evaluated_problem import is_tensor, to_array

COMPLEX_OF = {"float64": "complex128", "float32": "complex64"}


def is_floating(value: Any) -> bool:
    """Whether a value is an array that may have a gradient: complex ones of torch, too."""
    if is_tensor(value):
        import torch

        numeric = value.is_floating_point() or value.is_complex()
        return bool(numeric and value.layout is torch.strided)
    if not isinstance(value, np.ndarray):
        return False
    return value.dtype.kind == "f" or value.dtype.name == "bfloat16"  # JAX's, of kind V


def is_complex_array(value: Any) -> bool:
    return not is_tensor(value) and np.iscomplexobj(value)


def numbers(value: Any) -> np.ndarray:
    """Copy an array into one of float64; complex numbers get an axis of their two parts."""
    found: Any = to_array(value)
    if np.iscomplexobj(found):
        return np.stack([found.real, found.imag], -1).astype(float)
    return found.astype(float)


def in_dtype(value: Any, dtype: str) -> Any:
    if is_tensor(value):
        import torch

        name = COMPLEX_OF.get(dtype) if value.is_complex() else dtype
        if name is None:
            raise CaseError(BROKEN, f"torch has no complex numbers of {dtype}")
        return value.detach().to(getattr(torch, name))
    try:
        return value.astype(dtype)
    except TypeError:
        raise CaseError(BROKEN, f"NumPy has no {dtype}") from None


def copied(value: Any) -> Any:
    """Return a contiguous copy of an array or a tensor; return other values as they are."""
    if is_tensor(value):
        import torch

        if value.layout is not torch.strided:
            return value.detach().clone()
        return value.detach().clone(memory_format=torch.contiguous_format)
    return np.array(value) if isinstance(value, np.ndarray) else value


def as_array(value: Any) -> Any:
    return value if is_tensor(value) else np.asarray(value)


def like(value: Any, drawn: np.ndarray) -> Any:
    """Return the numbers as an array or tensor with the dtype and device of `value`."""
    if is_tensor(value):
        import torch

        return torch.as_tensor(drawn).to(value)
    return drawn.astype(value.dtype)


def random_like(value: Any, rng: np.random.Generator) -> Any:
    """Return normal numbers in an array or tensor like `value`; complex ones have two of them."""
    drawn = rng.standard_normal(tuple(value.shape))
    if is_tensor(value) and value.is_complex():
        drawn = drawn + 1j * rng.standard_normal(drawn.shape)
    return like(value, drawn)


def as_reals(value: Any) -> Any:
    """Return a complex tensor with an axis of its real and imaginary parts; others as they are."""
    if not is_tensor(value) or not value.is_complex():
        return value
    import torch

    return torch.view_as_real(value.resolve_conj())


def from_reals(value: Any, kind: Any) -> Any:
    """Undo `as_reals`, if `kind` is complex."""
    if not is_tensor(kind) or not kind.is_complex():
        return value
    import torch

    return torch.complex(value[..., 0], value[..., 1])


def promoted(slope: Any, value: Any) -> Any:
    """Return a gradient as its parameter is: NumPy's in that dtype, a complex one as two parts."""
    if slope is None:
        return None
    return as_reals(slope) if is_tensor(slope) else np.asarray(slope, value.dtype)


def dtype_name(value: Any) -> str:
    return str(as_array(value).dtype).removeprefix("torch.")


@np.errstate(all="ignore")  # gradients may hold uninitialised memory: huge, subnormal, NaN
def far(a: Any, b: Any, usual: float = 0.0) -> float:
    """Return the largest difference relative to the largest entry of `b`, or to the usual size.

    None counts as zeros.
    """
    first, second = (0.0 if value is None else numbers(value) for value in (a, b))
    difference = np.abs(np.subtract(first, second))
    if not np.isfinite(difference).all():
        return float("inf")
    size = max(np.abs(second).max(initial=0.0), usual)
    off = difference.max(initial=0.0)
    return float(off / size) if size > 0 else float(off)


def equal(a: Any, b: Any) -> bool:
    if not is_tensor(a) and not isinstance(a, np.ndarray):
        return True
    return np.array_equal(to_array(a), to_array(b), equal_nan=True)


def layouts(value: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name of each layout, the value in it, and the same numbers in contiguous memory.

    The memory between the entries is filled with NaN, so that reading it has an effect.
    """
    yield "with an offset", _sliced(value, [(slice(1, None)) for _ in value.shape]), value
    if value.ndim >= 2:
        yield "transposed", _transposed(value), value
    if value.ndim >= 1:
        yield "sliced", _sliced(value, [slice(None, None, 2)] * value.ndim), value
        first = copied(value)
        first[...] = first[(slice(0, 1),) * value.ndim]
        yield "expanded (stride 0)", _expanded(value), first


def _transposed(value: Any) -> Any:
    axes = tuple(reversed(range(value.ndim)))
    if is_tensor(value):
        return value.permute(axes).contiguous().permute(axes)
    return np.ascontiguousarray(value.transpose(axes)).transpose(axes)


def _sliced(value: Any, cuts: list[slice]) -> Any:
    """Return a view with these numbers in a larger array of NaN."""
    larger = tuple(
        2 * size if cut.step else size + 1 for size, cut in zip(value.shape, cuts, strict=True)
    )
    if is_tensor(value):
        around = value.new_full(larger, float("nan"))
    else:
        around = np.full(larger, np.nan, value.dtype)
    view = around[(*cuts, ...)]
    view[...] = value
    return view


def _expanded(value: Any) -> Any:
    one = value[(slice(0, 1),) * value.ndim]
    if is_tensor(value):
        return copied(one).expand(value.shape)
    return np.broadcast_to(copied(one), value.shape)
