"""The choice of the fastest implementation for a size: measured, once per process and size."""

import math
import time
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from .computation import Computation, LayerGradients, LayerInputs, Separate
from .products import TorchProducts
from .recurrence import StepByStep

HAS_NUMBA = find_spec("numba") is not None
COMPILED_DTYPES = (torch.float32, torch.float64)
# Time steps of a trial: many, so that the work done once per sequence weighs as little as in use,
# but fewer where a step is expensive. MUCH is the number of multiplications of a whole trial.
MOST_STEPS, FEWEST_STEPS, MUCH = 64, 4, 2**29
# Several rounds, so that another program that has a core for a moment does not decide. In a round
# each implementation runs a warm-up and then 2 to 10 trials, for about SECONDS seconds.
ROUNDS, MOST_TRIALS, FEWEST_TRIALS, SECONDS = 3, 10, 2, 0.015


def choose(B: int, H: int, I: int, like: Tensor) -> Computation:  # noqa: E741
    """Return the fastest implementation for batch size B, H hidden units and I inputs.

    It uses up to torch.get_num_threads() threads. Where there is a choice, the first call for a
    size times all implementations in short trials. `like` gives the dtype and the device.
    """
    if not HAS_NUMBA or like.device.type != "cpu" or like.dtype not in COMPILED_DTYPES:
        return Separate(StepByStep(), TorchProducts())
    # Batch sizes are rounded to powers of two, so that many sizes in one program share a trial.
    return fastest(2 ** round(math.log2(B)), H, I, like.dtype, torch.get_num_threads())


def candidates(threads: int) -> list[Computation]:
    """Return all implementations that may be the fastest; requires numba."""
    from .compiled_sweep import Sweep  # numba takes a while to import, and may be absent
    from .fused import Fused

    found: list[Computation] = [
        Fused(threads=1),
        Separate(Sweep(), TorchProducts()),
        Separate(StepByStep(), TorchProducts()),
    ]
    return [Fused(threads), *found] if threads > 1 else found


@cache
def fastest(
    B: int,
    H: int,
    I: int,  # noqa: E741
    dtype: torch.dtype,
    threads: int,
) -> Computation:
    """Time all implementations and return the one whose best time is lowest.

    In a round each runs all its trials before the next one begins, because torch's threads keep
    cores busy for a while after each of its operations.
    """
    trial = Trial(B, H, I, dtype)
    best = dict.fromkeys(candidates(threads), float("inf"))
    for _ in range(ROUNDS):
        for implementation, before in best.items():
            best[implementation] = min(before, _best(trial, implementation))
    return min(best, key=best.__getitem__)


def _best(trial: "Trial", implementation: Computation) -> float:
    trial.seconds(implementation)  # compiles, or loads compiled code
    best, begun = float("inf"), time.perf_counter()
    for repeat in range(MOST_TRIALS):
        if repeat >= FEWEST_TRIALS and time.perf_counter() - begun > SECONDS:
            break
        best = min(best, trial.seconds(implementation))
    return best


class Trial:
    """The layer that is timed: a few time steps, forward and backward, on random numbers."""

    def __init__(self, B: int, H: int, I: int, dtype: torch.dtype) -> None:  # noqa: E741
        steps = min(max(MUCH // (B * H * max(H, I)), FEWEST_STEPS), MOST_STEPS)
        generator = torch.Generator().manual_seed(0)  # leaves the user's random numbers alone

        def even(*shape: int) -> Tensor:
            return 2 * torch.rand(shape, dtype=dtype, device="cpu", generator=generator) - 1

        self.grad_states = even(steps, B, H)
        weights = even(H, I) / H**0.5, even(H, H) / H**0.5
        self.layer_inputs = LayerInputs(even(steps, B, I), None, *weights, even(H), even(H))
        self.states, self.grad_preactivations = (
            torch.empty_like(self.grad_states) for _ in range(2)
        )
        weight_ih, weight_hh = weights
        self.gradients = LayerGradients(
            torch.empty_like(self.layer_inputs.input),
            None,
            torch.empty_like(weight_ih),
            torch.empty_like(weight_hh),
            even(H),
        )

    def seconds(self, implementation: Computation) -> float:
        begun = time.perf_counter()
        implementation.forward(self.states, self.layer_inputs)
        implementation.backward(
            self.gradients,
            self.grad_preactivations,
            self.grad_states,
            self.states,
            self.layer_inputs,
        )
        return time.perf_counter() - begun
