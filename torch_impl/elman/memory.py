"""What compiled code is given is checked here: it would read and write beyond its tensors."""

import numpy as np
import torch
from torch import Tensor

ZEROS = {torch.float32: np.float32(0.0), torch.float64: np.float64(0.0)}


def readable(name: str, tensor: Tensor, like: Tensor, *shape: int) -> Tensor:
    """Return the tensor, or a contiguous copy, to be kept for as long as its address is used.

    Raises RuntimeError unless it has the shape, and the dtype of `like` on the same kind of device.
    """
    if tensor.shape != shape:
        raise RuntimeError(f"{name} must be of shape {shape}, got {tuple(tensor.shape)}")
    if tensor.dtype != like.dtype or not tensor.is_cpu:
        raise RuntimeError(
            f"{name} must be {like.dtype} on the CPU, got {tensor.dtype} on {tensor.device}"
        )
    if tensor.is_contiguous() and not tensor.is_neg():
        return tensor
    return tensor.detach().resolve_neg().contiguous()


def writable(name: str, tensor: Tensor, like: Tensor, *shape: int) -> Tensor:
    """Return the tensor. Raises as `readable` does, and RuntimeError where that would copy."""
    if readable(name, tensor, like, *shape) is not tensor:
        raise RuntimeError(f"{name} must be contiguous, got strides {tensor.stride()}")
    return tensor


def address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()
