"""What the audit needs of a gradient, whether it is a NumPy array, a number or a tensor."""

import sys
from typing import Any

import numpy as np


def is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_gradient(value: Any) -> bool:
    """Return whether it can be a gradient: dense, and of floating or complex numbers."""
    if is_tensor(value):
        torch = sys.modules["torch"]
        dense = value.layout is torch.strided
        return dense and (value.is_floating_point() or value.is_complex())
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind in "fc"
    return isinstance(value, float | complex)


def shape_of(value: Any) -> tuple[int, ...]:
    return tuple(getattr(value, "shape", ()))


def dtype_of(value: Any) -> str:
    name = str(getattr(value, "dtype", type(value).__name__))
    return name.removeprefix("torch.")


def copy(value: Any) -> Any:
    return value.clone() if is_tensor(value) else np.array(value)


def like(value: Any, array: Any) -> Any:
    """Return an array as what `value` is: a tensor, an array, a NumPy or a Python number."""
    if is_tensor(value):
        return array
    if isinstance(value, np.ndarray):
        return np.asarray(array, value.dtype)
    return type(value)(array)


def full_like(value: Any, number: float) -> Any:
    if is_tensor(value):
        return value * 0.0 + number if value.requires_grad else value.new_full(value.shape, number)
    return like(value, np.full(shape_of(value), number))


def noise_like(value: Any, size: float) -> Any:
    """Return normal noise, the same at each call, of a deviation relative to the largest entry.

    It has a generator of its own: the test's random numbers stay what they are.
    """
    drawn = np.random.default_rng(0).standard_normal(shape_of(value))
    if is_tensor(value):
        if value.numel() == 0:
            return value * 0.0
        torch = sys.modules["torch"]
        scale = value.detach().abs().amax()  # stays a tensor: vmap allows no numbers here
        return torch.as_tensor(drawn, device=value.device).to(value.dtype) * (scale * size)
    array = np.asarray(value)
    return drawn * (size * np.abs(array).max(initial=0.0))


def typical_entry(value: Any) -> int | None:
    """Return the flat index of the entry of median size among those that aren't zero.

    None if there is no such entry. Under vmap, where values can't be read, the middle.
    """
    if is_tensor(value):
        try:
            sizes = value.detach().abs().double().cpu().numpy().ravel()
        except RuntimeError:
            return value.numel() // 2 if value.numel() else None
    else:
        sizes = np.abs(np.asarray(value)).ravel()
    order = np.argsort(sizes, kind="stable")
    order = order[sizes[order] > 0.0]  # NaN is left out, too
    return int(order[len(order) // 2]) if len(order) else None


def equal(one: Any, other: Any) -> bool:
    """Return whether all entries are equal, False where values can't be read (under vmap)."""
    if one is None or shape_of(one) != shape_of(other):
        return False
    if is_tensor(one):
        try:
            return bool((one.detach() == other.detach()).all())
        except RuntimeError:
            return False
    return bool(np.array_equal(one, other))


def content(value: Any) -> bytes | None:
    """Return the bytes of all entries; None where values can't be read."""
    if is_tensor(value):
        torch = sys.modules["torch"]
        try:
            flat = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            return flat.numpy().tobytes()
        except (RuntimeError, TypeError):
            return None
    return np.asarray(value).tobytes()
