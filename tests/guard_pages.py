"""Runs the layer's kernels on tensors that end where memory that may not be touched begins.

    python -m tests.guard_pages

A kernel that reads or writes behind its tensors ends the process with a signal.
"""

import ctypes
import mmap
from itertools import product

import torch
from torch import Tensor

from torch_impl.elman.compiled_sweep import Sweep

_libc = ctypes.CDLL(None, use_errno=True)
_mappings: list[mmap.mmap] = []  # kept: a tensor does not own what it lies in


def before_a_guard_page(value: Tensor) -> Tensor:
    """Return a contiguous copy that ends where an untouchable page begins."""
    count = value.numel() * value.element_size()
    whole = -(-count // mmap.PAGESIZE) * mmap.PAGESIZE
    mapping = mmap.mmap(-1, whole + mmap.PAGESIZE)
    _mappings.append(mapping)
    start = ctypes.addressof(ctypes.c_char.from_buffer(mapping))
    if _libc.mprotect(ctypes.c_void_p(start + whole), mmap.PAGESIZE, 0):
        raise OSError(ctypes.get_errno(), "mprotect")
    copy = torch.frombuffer(
        mapping, dtype=value.dtype, count=value.numel(), offset=whole - count
    ).view(value.shape)
    return copy.copy_(value)


def main() -> None:
    sizes = product((torch.float32, torch.float64), (1, 2, 5), (1, 16, 17, 64, 128, 150, 512))
    for dtype, B, H in sizes:
        sequence, from_above = (torch.randn(3, B, H, dtype=dtype) for _ in range(2))
        initial, weight = torch.randn(B, H, dtype=dtype), torch.randn(H, H, dtype=dtype) / H
        guarded = [before_a_guard_page(x) for x in (sequence, initial, weight, from_above)]
        for way in (Sweep(threads=1), Sweep(threads=2)):
            states = before_a_guard_page(guarded[0])
            way.forward(states, guarded[1], guarded[2])
            way.backward(guarded[3], states, guarded[2], True)
    print("nothing was touched that may not be")


if __name__ == "__main__":
    main()
