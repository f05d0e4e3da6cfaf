"""The hand-written gradients under test, all asked in the same way."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch

import reference
import torch_impl
from bptt.verify.network.tolerances import FLOAT32, FLOAT64, Precision
from reference import Gradients, Parameters
from torch_impl import convert, fast

from .strategies import Case

# The gradients, and the slope in the initial state from an engine that tells it.
Answer = tuple[Gradients, np.ndarray | None]


@dataclass(frozen=True)
class Engine:
    """Computes a case's gradients; `prepare` rounds a case to what the engine can hold.

    Without `has_slopes` it takes no cotangent of the final state and tells no slope in the first.
    """

    name: str
    precision: Precision
    compute: Callable[[Case, float | None, np.ndarray], Answer]
    compute_lanes: Callable[[Sequence[Case], float | None], Gradients]
    has_slopes: bool = True

    def prepare(self, case: Case) -> Case:
        return case.in_float32() if self.precision is FLOAT32 else case

    def __str__(self) -> str:
        return self.name


def in_numpy(case: Case, clip: float | None, cotangent: np.ndarray) -> Answer:
    gradients = case.parameters.zeros_like()
    slope = reference.backward_window(case.parameters, gradients, case.forward(), cotangent, clip)
    return gradients, slope


def lanes_in_numpy(lanes: Sequence[Case], clip: float | None) -> Gradients:
    traces = [case.forward() for case in lanes]
    return reference.backward_lanes(lanes[0].parameters, traces, clip)


def in_torch(dtype: torch.dtype) -> Callable[[Case, float | None, np.ndarray], Answer]:
    def compute(case: Case, clip: float | None, cotangent: np.ndarray) -> Answer:
        parameters = convert.from_reference(case.parameters, dtype=dtype)
        state, signal = (torch.tensor(part, dtype=dtype) for part in (case.state, cotangent))
        inputs, targets = torch.from_numpy(case.inputs), torch.from_numpy(case.targets)
        trace = torch_impl.forward(parameters, inputs, targets, state)
        gradients = parameters.zeros_like()
        slope = torch_impl.backward_window(parameters, gradients, trace, signal, clip)
        return convert.to_reference(gradients), convert.to_array(slope)

    return compute


def lanes_in_torch(dtype: torch.dtype) -> Callable[[Sequence[Case], float | None], Gradients]:
    def compute(lanes: Sequence[Case], clip: float | None) -> Gradients:
        parameters = convert.from_reference(lanes[0].parameters, dtype=dtype)
        traces = [
            torch_impl.forward(
                parameters,
                torch.from_numpy(case.inputs),
                torch.from_numpy(case.targets),
                torch.tensor(case.state, dtype=dtype),
            )
            for case in lanes
        ]
        return convert.to_reference(torch_impl.backward_lanes(parameters, traces, clip))

    return compute


def in_kernels(dtype: torch.dtype) -> Callable[[Case, float | None, np.ndarray], Answer]:
    def compute(case: Case, clip: float | None, cotangent: np.ndarray) -> Answer:
        assert not cotangent.any()
        parameters = convert.from_reference(case.parameters, dtype=dtype)
        state = torch.tensor(case.state, dtype=dtype)
        window = fast.differentiate_window(parameters, case.inputs, case.targets, state, clip)
        return convert.to_reference(torch_impl.Parameters(*window.gradients)), None

    return compute


def lanes_in_kernels(dtype: torch.dtype) -> Callable[[Sequence[Case], float | None], Gradients]:
    def compute(lanes: Sequence[Case], clip: float | None) -> Gradients:
        parameters = convert.from_reference(lanes[0].parameters, dtype=dtype)
        inputs = np.stack([case.inputs for case in lanes], axis=1)
        targets = np.stack([case.targets for case in lanes], axis=1)
        state = torch.tensor(np.hstack([case.state for case in lanes]), dtype=dtype)
        window = fast.differentiate_window(parameters, inputs, targets, state, clip)
        return convert.to_reference(torch_impl.Parameters(*window.gradients))

    return compute


ENGINES = [
    Engine("numpy", FLOAT64, in_numpy, lanes_in_numpy),
    Engine("torch-float64", FLOAT64, in_torch(torch.float64), lanes_in_torch(torch.float64)),
    Engine("torch-float32", FLOAT32, in_torch(torch.float32), lanes_in_torch(torch.float32)),
    Engine(
        "fast-float64",
        FLOAT64,
        in_kernels(torch.float64),
        lanes_in_kernels(torch.float64),
        has_slopes=False,
    ),
    Engine(
        "fast-float32",
        FLOAT32,
        in_kernels(torch.float32),
        lanes_in_kernels(torch.float32),
        has_slopes=False,
    ),
]


CHOSEN = os.environ.get("BPTT_TEST_ENGINE")
every_engine = pytest.mark.parametrize(
    "engine", [engine for engine in ENGINES if CHOSEN in (None, engine.name)], ids=str
)


def tensors(case: Case) -> tuple[torch_impl.Parameters, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The case as the float64 oracles over tensors take it."""
    return (
        convert.from_reference(case.parameters),
        torch.from_numpy(case.inputs),
        torch.from_numpy(case.targets),
        torch.from_numpy(case.state),
    )


def arrays(case: Case) -> tuple[Parameters, np.ndarray, np.ndarray, np.ndarray]:
    """The case as the oracles over arrays take it."""
    return case.parameters, case.inputs, case.targets, case.state
