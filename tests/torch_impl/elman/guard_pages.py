"""Runs the layer's kernels on tensors that end at a protected page of memory.

    python -m tests.torch_impl.elman.guard_pages

A kernel that reads or writes beyond the end of a tensor ends the process with a signal.
"""

import argparse
import ctypes
import mmap
from itertools import product

import torch
from torch import Tensor

from tests.torch_impl.elman.layers import WAYS
from torch_impl.elman.computation import Computation, LayerGradients, LayerInputs, LayerOptions

COMPILED = WAYS[1:]
T = 3

_libc = ctypes.CDLL(None, use_errno=True)
_mappings: list[mmap.mmap] = []  # kept: a tensor does not own what it lies in


def before_a_guard_page(value: Tensor) -> Tensor:
    """Return a contiguous copy that ends where a protected page begins."""
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


def run(
    way: Computation,
    options: LayerOptions,
    B: int,
    H: int,
    I: int,  # noqa: E741 - inputs
    dtype: torch.dtype,
) -> None:
    """Run both passes with every tensor in front of its own protected page."""
    leading = (T, B) if options.batch_sizes is None else (sum(options.batch_sizes),)

    def guarded(*shape: int) -> Tensor:
        return before_a_guard_page(torch.randn(shape, dtype=dtype) / H)

    inputs, initial, grad_states = guarded(*leading, I), guarded(B, H), guarded(*leading, H)
    weights = guarded(H, I), guarded(H, H)
    states, grad_preactivations = guarded(*leading, H), guarded(*leading, H)
    last, grad_last = guarded(1, B, H), guarded(1, B, H)
    gradients = LayerGradients(
        guarded(*leading, I), guarded(B, H), guarded(H, I), guarded(H, H), guarded(H)
    )
    layer_inputs = LayerInputs(inputs, initial, *weights, guarded(H), guarded(H))
    way.forward(states, last, layer_inputs, options)
    above = grad_states, grad_last
    way.backward(gradients, grad_preactivations, *above, states, layer_inputs, options)


def main() -> None:
    sizes = product((torch.float32, torch.float64), (1, 5), (1, 16, 17, 64, 150, 512))
    for dtype, B, H in sizes:
        packed = (B, -(-B // 2), 1)
        for way, reverse in product(COMPILED, (False, True)):
            for I, sizes in ((1, packed), (33, None)):  # noqa: E741 - inputs
                run(way, LayerOptions(sizes, reverse, reverse and I == 1), B, H, I, dtype)
    print("no kernel read or wrote out of bounds")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
