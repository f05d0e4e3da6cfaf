"""Training engines that compute something else than they say, or nothing at all."""

from collections.abc import Sequence

import numpy as np

from benchmarks.engines.numpy_training import Loop
from benchmarks.problems.training import State


class Untimed(Loop):
    """Must be refused before anything is timed."""

    def run(self, units: int) -> None:
        raise AssertionError("was timed")


class Steeper(Untimed):
    """A thousandth too much in one gradient."""

    def differentiate(self, inputs, targets, hidden):
        loss, slopes, final = super().differentiate(inputs, targets, hidden)
        slopes[1] *= 1.001
        return loss, slopes, final


class FinalClip(Untimed):
    """Clips the sums only when they are complete."""

    def differentiate(self, inputs, targets, hidden):
        clip = self.problem.clip
        object.__setattr__(self.problem, "clip", np.inf)
        loss, slopes, final = super().differentiate(inputs, targets, hidden)
        object.__setattr__(self.problem, "clip", clip)
        return loss, [np.clip(slope, -clip, clip) for slope in slopes], final


class EpsilonOutside(Untimed):
    """Adagrad as most libraries have it."""

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
    """Begins every window with a zero state."""

    def advance(self, iterations: int) -> Sequence[float]:
        self.hidden = np.zeros_like(self.hidden)
        return super().advance(iterations)


class Endless(Untimed):
    """Keeps its state where the text starts again."""

    def window(self, position: int) -> tuple[int, bool]:
        return super().window(position)[0], False


class Lucky(Untimed):
    """Not a number, which compares with nothing."""

    def get(self) -> State:
        state = super().get()
        state.parameters.Wha[0, 0] = np.nan
        return state


class Tiring(Loop):
    """Right until it has been timed."""

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
    """Comes to nothing."""

    def advance(self, iterations: int) -> Sequence[float]:
        raise RuntimeError("out of order")


class Dying(Loop):
    """Takes its process with it."""

    def advance(self, iterations: int) -> Sequence[float]:
        raise SystemExit(3)
