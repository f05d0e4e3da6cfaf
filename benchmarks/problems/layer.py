"""The layer problem: forward and backward pass of one recurrent layer over dense inputs.

T steps, B lanes (the sequences of the batch), H hidden units and H inputs. The gradient of the
loss with respect to the states is random numbers ("signals"). The gradient of the inputs is
computed, too, as in a stack of layers.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from reference import Parameters, forward_step

from .differences import Difference

# Largest allowed error relative to the largest entry: some hundred roundings, and some ten of
# bfloat16's, which are of 2^-9.
TOLERANCE = {"float64": 1e-12, "float32": 1e-4, "bfloat16": 2e-2}
NAMES = ("states", "d inputs", "dWih", "dWhh", "dbias")
SEED = 5


@dataclass(frozen=True)
class LayerProblem:
    """Sizes and a dtype, which determine the same numbers in every process."""

    T: int
    B: int
    H: int
    dtype: str = "float32"

    def numbers(self) -> dict[str, np.ndarray]:
        """Return weights (drawn as in nn.RNN), inputs and signals, all exact in float32."""
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
        """Run the forward and backward pass `units` times."""

    @abstractmethod
    def results(self) -> list[np.ndarray]:
        """Run once; return the states and the gradients of the inputs, Wih, Whh and the bias."""


def expected(problem: LayerProblem) -> list[np.ndarray]:
    """Return the right `Layer.results`, computed in float64 with the reference's steps."""
    numbers = {name: array.astype(np.float64) for name, array in problem.numbers().items()}
    Wih, Whh, bias = numbers["Wih"], numbers["Whh"], numbers["bias"]
    inputs, signals = numbers["inputs"], numbers["signals"]
    T, B, H = inputs.shape
    # A single symbol, which is always right: the output layer is not part of this workload.
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


def compare(
    problem: LayerProblem, right: list[np.ndarray], engine: Layer, precision: str = ""
) -> Iterator[Difference]:
    """Compare the results of an engine (or of a proxy for one) with the oracle's.

    `precision` is that of the engine's arithmetic, if it isn't the problem's dtype.
    """
    tolerance = TOLERANCE[precision or problem.dtype]
    for name, got, wanted in zip(NAMES, engine.results(), right, strict=True):
        largest = float(np.max(np.abs(wanted)))
        found = Difference.of(name, got, wanted, tolerance * largest)
        yield replace(found, relative=found.share * tolerance)
