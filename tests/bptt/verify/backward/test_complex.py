"""Complex tensors: their gradients are verified as those of real and imaginary parts."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from bptt.errors import InputError
from bptt.verify import Settings, verify_backward

quick = partial(
    verify_backward, race_seconds=0.0, dtypes=("float32",), settings=Settings(cases=8, budget=20.0)
)


def drawn(rng: np.random.Generator, N: int, D: int) -> torch.Tensor:
    parts = [torch.tensor(rng.standard_normal((N, D))) for _ in "ri"]
    return torch.complex(parts[0], parts[1])


def function(forward: Any, gradients: Any) -> Any:
    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            ctx.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(ctx, *cotangents):
            return gradients(cotangents[0], *ctx.saved_tensors)

    return Function.apply


def product(gradient: Any) -> Any:
    return function(lambda a, b: a * b, lambda up, a, b: (up * b.conj(), gradient(up, a)))


def spectrum(gradient: Any) -> Any:
    return function(torch.fft.fft, lambda up, x: gradient(up).real)


def length(gradient: Any) -> Any:
    return function(
        lambda z, w: z.abs() * w,
        lambda up, z, w: (gradient(up, z, w), (up * z.abs()).sum(0)),
    )


def pair(rng: np.random.Generator, N: int, D: int) -> tuple[torch.Tensor, torch.Tensor]:
    return drawn(rng, N, D), drawn(rng, N, D)


def real(rng: np.random.Generator, N: int, D: int) -> torch.Tensor:
    return torch.tensor(rng.standard_normal((N, D)))


def mixed(rng: np.random.Generator, N: int, D: int) -> tuple[torch.Tensor, torch.Tensor]:
    return drawn(rng, N, D), torch.tensor(rng.standard_normal(D))


@pytest.mark.parametrize(
    ("apply", "inputs"),
    [
        (product(lambda up, a: up * a.conj()), pair),
        (spectrum(lambda up: torch.fft.ifft(up, norm="forward")), real),
        (length(lambda up, z, w: up * w * z / z.abs()), mixed),
    ],
    ids=["product", "spectrum", "length"],
)
def test_right_gradients_of_complex_tensors_are_right(apply: Any, inputs: Any) -> None:
    report = quick(apply, inputs, order=2)
    assert (report.verdict, report.exit_status) == ("right", 0)
    said = {check.name: check.verdict for check in report.checks}
    assert said["float32"] == said["second order"] == "refused"
    assert set(said.values()) == {"passed", "refused"}


@pytest.mark.parametrize(
    ("apply", "inputs"),
    [
        (product(lambda up, a: up * a), pair),
        (product(lambda up, a: (up * a.conj()).real + 0j), pair),
        (spectrum(torch.fft.fft), real),
        (spectrum(torch.fft.ifft), real),
        (length(lambda up, z, w: up * w * z), mixed),
        (length(lambda up, z, w: up * w * (z / z.abs()).conj()), mixed),
    ],
    ids=["conjugate", "imaginary part", "inverse", "norm", "length", "conjugate of z"],
)
def test_wrong_gradients_of_complex_tensors_are_found(apply: Any, inputs: Any) -> None:
    report = quick(apply, inputs, dtypes=())
    assert report.exit_status == 1
    assert "Taylor remainder" in {check.name for check in report.failed_checks}


def test_layouts_of_complex_tensors_are_checked() -> None:
    def dense(up: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        """Read the cotangent as if it were in one piece, as a kernel with a pointer does."""
        return up.as_strided(a.shape, a.stride()) * a.conj()

    report = quick(product(dense), pair, dtypes=())
    assert report.verdict == "right"
    failed = {check.name for check in report.failed_checks}
    assert {"cotangents transposed", "cotangents sliced"} <= failed


def test_complex_arrays_of_numpy_are_refused() -> None:
    said = "complex ones only as tensors of torch"
    with pytest.raises(InputError, match=said):
        quick((np.abs, lambda up, z: up * z), lambda rng, N: rng.standard_normal(N) + 1j)
    with pytest.raises(InputError, match=said):
        quick((np.fft.fft, lambda up, x: up.real), lambda rng, N: rng.standard_normal(N))
