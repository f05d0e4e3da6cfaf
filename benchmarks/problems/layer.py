"""The layer workload: forward and backward of one recurrent layer over dense inputs.

T steps, B lanes, H hidden units and as many inputs. The loss is the sum of the states times given
signals, so that every state gets a gradient; the inputs get theirs too, as in a stack of layers.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from reference import Parameters, forward_step

from .differences import Difference

# Largest error relative to the largest entry: some hundred roundings of float32.
TOLERANCE = {"float64": 1e-12, "float32": 1e-4}
NAMES = ("states", "d inputs", "dWih", "dWhh", "dbias")
SEED = 5


@dataclass(frozen=True)
class LayerProblem:
    """Sizes and a dtype; the numbers follow from them in every process alike."""

    T: int
    B: int
    H: int
    dtype: str = "float32"

    def numbers(self) -> dict[str, np.ndarray]:
        """Return weights as nn.RNN draws them, inputs and signals; in float32, exact in both."""
        random = np.random.default_rng(SEED)
        width = self.H**-0.5

        def weights(*shape: int) -> np.ndarray:
            return random.uniform(-width, width, shape).astype(np.float32).astype(self.dtype)

        def normal() -> np.ndarray:
            values = random.standard_normal((self.T, self.B, self.H), np.float32)
            return values.astype(self.dtype)

        return {
            "Wih": weights(self.H, self.H),
            "Whh": weights(self.H, self.H),
            "bias": weights(self.H),
            "inputs": normal(),
            "signals": normal(),
        }


class Layer(ABC):
    """A layer engine; `run` is what is timed."""

    def __init__(self, problem: LayerProblem) -> None:
        self.problem = problem

    @abstractmethod
    def run(self, units: int) -> None:
        """Go forward and backward so many times."""

    @abstractmethod
    def results(self) -> list[np.ndarray]:
        """Run once and return states, the inputs' gradients, dWih, dWhh and the bias's."""


def expected(problem: LayerProblem) -> list[np.ndarray]:
    """Compute what `Layer.results` must be in float64, with the reference's step."""
    numbers = {name: array.astype(np.float64) for name, array in problem.numbers().items()}
    Wih, Whh, bias = numbers["Wih"], numbers["Whh"], numbers["bias"]
    inputs, signals = numbers["inputs"], numbers["signals"]
    T, B, H = inputs.shape
    # One symbol that is always right: the output layer is not part of this workload.
    network = Parameters(
        Whx=np.zeros((H, 1)), Wha=Whh, Wya=np.zeros((1, H)), bh=bias[:, None], by=np.zeros((1, 1))
    )
    from_input = inputs @ Wih.T
    states = np.zeros((T + 1, B, H))
    for t in range(T):
        for lane in range(B):
            a, _ = forward_step(network, from_input[t, lane][:, None], states[t, lane][:, None])
            states[t + 1, lane] = a[:, 0]
    dh = np.zeros((T, B, H))
    carried = np.zeros((B, H))
    for t in reversed(range(T)):
        dh[t] = (1.0 - states[t + 1] ** 2) * (signals[t] + carried)
        carried = dh[t] @ Whh
    flat = dh.reshape(T * B, H)
    return [
        states[1:],
        dh @ Wih,
        flat.T @ inputs.reshape(T * B, H),
        flat.T @ states[:-1].reshape(T * B, H),
        flat.sum(axis=0),
    ]


def compare(problem: LayerProblem, right: list[np.ndarray], engine: Layer) -> Iterator[Difference]:
    """Hold an engine, or a stand-in for one in another process, against the oracle's results."""
    for name, got, wanted in zip(NAMES, engine.results(), right, strict=True):
        allowed = TOLERANCE[problem.dtype] * float(np.max(np.abs(wanted)))
        yield Difference.of(name, got, wanted, allowed)
