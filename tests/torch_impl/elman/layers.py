"""Shared by the layer's tests: all implementations, drawn configurations, a comparison."""

import torch
from hypothesis import strategies as st
from torch import Tensor

from torch_impl.elman.compiled import CompiledLayer
from torch_impl.elman.computation import Computation
from torch_impl.elman.fallback import TorchLayer

WAYS: list[Computation] = [
    TorchLayer(),
    CompiledLayer(threads=1),
    CompiledLayer(threads=2),
    CompiledLayer(threads=3),
]
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-4}


def assert_near(a: Tensor, b: Tensor, what: str) -> None:
    __tracebackhide__ = True
    assert a.shape == b.shape, f"{what}: {tuple(a.shape)}, expected {tuple(b.shape)}"
    worst, scale = (a - b).abs().max().item(), max(1.0, b.abs().max().item())
    assert worst <= TOLERANCE[b.dtype] * scale, f"{what} is {worst:.3g} off, beside {scale:.3g}"


@st.composite
def configurations(draw: st.DrawFn) -> dict:
    return {
        "way": draw(st.sampled_from(WAYS)),
        "I": draw(st.integers(1, 9)),
        "H": draw(st.integers(1, 40) | st.sampled_from([64, 83, 150])),
        "T": draw(st.integers(1, 9)),
        "B": draw(st.integers(1, 10)),
        "dtype": draw(st.sampled_from([torch.float32, torch.float64])),
        "seed": draw(st.integers(0, 2**31)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "batched": draw(st.booleans()),
        "state": draw(st.booleans()),
        "contiguous": draw(st.booleans()),
        "indices": draw(st.booleans()),
        "uses": draw(st.sampled_from(["output", "h_n", "both"])),
        "input_gradient": draw(st.booleans()),
    }
