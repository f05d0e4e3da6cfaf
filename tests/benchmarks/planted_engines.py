"""Wrong training engines: they compute something else than they declare, or fail."""

from collections.abc import Sequence

import numpy as np

from benchmarks.engines.numpy_training import Loop
from benchmarks.problems.training import State


class Untimed(Loop):
    """An engine that must be refused before anything is timed."""

    def run(self, units: int) -> None:
        raise AssertionError("was timed")


class Steeper(Untimed):
    """Computes one gradient a thousandth too large."""

    def differentiate(self, inputs, targets, hidden):
        loss, gradients, final = super().differentiate(inputs, targets, hidden)
        gradients[1] *= 1.001
        return loss, gradients, final


class FinalClip(Untimed):
    """Clips the complete gradient instead of the running sums."""

    def differentiate(self, inputs, targets, hidden):
        clip = self.problem.clip
        object.__setattr__(self.problem, "clip", np.inf)
        loss, gradients, final = super().differentiate(inputs, targets, hidden)
        object.__setattr__(self.problem, "clip", clip)
        return loss, [np.clip(gradient, -clip, clip) for gradient in gradients], final


class EpsilonOutside(Untimed):
    """Adds Adagrad's epsilon outside the root, as most libraries do."""

    def advance(self, iterations: int) -> Sequence[float]:
        losses = []
        for _ in range(iterations):
            before = [value.copy() for value in self.weights]
            sums = [value.copy() for value in self.memory]
            losses += super().advance(1)
            for value, old, memory, past in zip(
                self.weights, before, self.memory, sums, strict=True
            ):
                size = np.sqrt(memory - past) / (np.sqrt(memory) + 1e-8)
                value[...] = old - self.problem.learning_rate * np.sign(old - value) * size
        return losses


class Forgetful(Untimed):
    """Starts every window with a zero state."""

    def advance(self, iterations: int) -> Sequence[float]:
        self.hidden = np.zeros_like(self.hidden)
        return super().advance(iterations)


class Endless(Untimed):
    """Keeps its hidden state when the text restarts."""

    def window(self, position: int) -> tuple[int, bool]:
        return super().window(position)[0], False


class Lucky(Untimed):
    """Returns NaN, for which every comparison is false."""

    def get(self) -> State:
        state = super().get()
        state.parameters.Wha[0, 0] = np.nan
        return state


class Tiring(Loop):
    """Computes right results until it has been timed."""

    tired = False

    def run(self, units: int) -> None:
        super().run(units)
        self.tired = True

    def get(self) -> State:
        state = super().get()
        if self.tired:
            state.parameters.bh[0, 0] += 1e-3
        return state


class Raising(Loop):
    """Raises an error."""

    def advance(self, iterations: int) -> Sequence[float]:
        raise RuntimeError("out of order")


class Dying(Loop):
    """Ends its own process."""

    def advance(self, iterations: int) -> Sequence[float]:
        raise SystemExit(3)
