"""Checks of tensors whose addresses go to compiled code, which would read out of bounds."""

import numpy as np
import torch
from torch import Tensor

ZEROS = {torch.float32: np.float32(0.0), torch.float64: np.float64(0.0)}


def readable(name: str, tensor: Tensor, like: Tensor, *shape: int) -> Tensor:
    """Return the tensor or a contiguous copy; keep it alive as long as its address is used.

    `name` is what error messages call it. Raises RuntimeError unless it has the given shape, the
    dtype of `like`, lies on the CPU, and has a storage that holds all of its elements.
    """
    if tensor.shape != shape:
        raise RuntimeError(f"{name} must be of shape {shape}, got {tuple(tensor.shape)}")
    if tensor.dtype != like.dtype or not tensor.is_cpu:
        raise RuntimeError(
            f"{name} must be {like.dtype} on the CPU, got {tensor.dtype} on {tensor.device}"
        )
    if tensor._is_zerotensor():  # a placeholder for zeros that has no memory
        return torch.zeros_like(tensor)
    if tensor.is_contiguous():
        behind = tensor.storage_offset() * tensor.itemsize + tensor.nbytes
        if behind <= tensor.untyped_storage().nbytes() and not tensor.is_neg():
            return tensor
    check_storage(name, tensor)
    return tensor.detach().resolve_neg().contiguous()


def readable_indices(name: str, indices: Tensor, size: int, *shape: int) -> Tensor:
    """Return the indices as contiguous int64; keep them alive as long as their address is used.

    Raises RuntimeError unless they have the given shape and lie on the CPU, in a storage that holds
    them all, IndexError for one outside 0..size-1.
    """
    if indices.shape != shape or not indices.is_cpu:
        raise RuntimeError(
            f"{name} must be of shape {shape} on the CPU, got {tuple(indices.shape)} on "
            f"{indices.device}"
        )
    check_storage(name, indices)
    whole = indices.detach().to(torch.int64).contiguous()
    least, greatest = map(int, torch.aminmax(whole))
    if least < 0 or greatest >= size:
        outside = least if least < 0 else greatest
        raise IndexError(f"every index of {name} must lie in 0..{size - 1}, got {outside}")
    return whole


def writable(name: str, tensor: Tensor, like: Tensor, *shape: int) -> Tensor:
    """Return the tensor; raise RuntimeError as `readable` does, or if it would need a copy."""
    if readable(name, tensor, like, *shape) is not tensor:
        raise RuntimeError(f"{name} must be contiguous, got strides {tensor.stride()}")
    return tensor


def check_storage(name: str, tensor: Tensor) -> None:
    """Raise RuntimeError if the storage was freed or shrunk below what the tensor needs."""
    extent = tensor.numel()
    if not tensor.is_contiguous() and extent > 0:
        steps = zip(tensor.shape, tensor.stride(), strict=True)
        extent = 1 + sum((size - 1) * stride for size, stride in steps)
    needed = (tensor.storage_offset() + extent) * tensor.itemsize
    if needed > tensor.untyped_storage().nbytes():
        held = tensor.untyped_storage().nbytes()
        raise RuntimeError(f"{name} needs a storage of {needed} bytes, got one of {held}")


def address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()
