"""The input of the verifier: parameters, a loss, and its hand-written gradient."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any


class Skip(Exception):  # noqa: N818 - it is no error, as unittest.SkipTest is none
    """Raised by a function that makes problems where it doesn't support the sizes.

        raise Skip("H must be even")

    The case is skipped and counted: it is neither right nor wrong.
    """


@dataclass(frozen=True)
class GradientProblem:
    """A loss with its hand-written gradient, at one choice of sizes.

        def problem(n, rng):
            return GradientProblem(
                {"w": rng.standard_normal(n)},
                loss=lambda p: (p["w"] ** 3).sum(),
                gradient=lambda p: {"w": 3 * p["w"] ** 2},
            )

        verify(problem)     # or: bptt verify file.py:problem

    `parameters` maps names to float32 or float64 arrays, all NumPy or all torch. `loss` takes such
    a dict and returns a scalar; `gradient` takes such a dict and returns one with the same names
    and shapes. Both are called with copies, also at other values, and must use their argument.

    `loss_of_steps` is optional, for recurrent problems with a size T. It is the same loss as a
    function of a list of T dicts, one for each time step, and is used to find out which steps
    contribute to a wrong gradient. `fold` is for gradients that are deliberately not the plain sum
    of the per-step contributions, such as one with a running clip: it takes a list of T dicts, the
    contributions from the first step to the last, and returns the expected gradient. It must not
    increase the difference of two gradients.

    Set `autograd=False` if PyTorch's gradient of the loss is itself the gradient to be verified (as
    for a function with its own backward pass), so that it can't be an oracle.

    `truncate` is for truncated backpropagation through time. With `truncate=K`, only the uses of
    the parameters in the K steps t, t - 1, ..., t - K + 1 contribute to the gradient of the loss of
    step t, as in

        for t in range(T):
            for k in range(t, max(-1, t - K), -1): ...  # add what step k contributes

    It needs `loss_of_steps`, which then returns the T losses, one for each step (zeros for steps
    without one). If it returns one number instead, it is also called with the first n dicts only,
    and must return the loss of those n steps. If only the last K steps contribute, use a fold:
    `lambda steps: {name: sum(step[name] for step in steps[-K:]) for name in steps[0]}`.

    `scaled` are the names of the parameters that the search may multiply by its scales, all by
    default: leave out those that are only defined in a range, such as probabilities.

    The function that makes problems may take a keyword `counted`, None by default. Given a step, it
    returns the problem whose loss is that of this step only, with the initial state among the
    parameters. The report then shows the error as a function of the lag from a state to a target.
    """

    parameters: dict[str, Any]
    loss: Callable[[dict[str, Any]], Any]
    gradient: Callable[[dict[str, Any]], Any]
    loss_of_steps: Callable[[list[dict[str, Any]]], Any] | None = None
    fold: Callable[[list[dict[str, Any]]], dict[str, Any]] | None = None
    truncate: int | None = None
    autograd: bool = True
    scaled: Collection[str] | None = None


@dataclass(frozen=True)
class Case:
    """The arguments that make a problem: sizes by name, the seed of its rng, and a scale.

    The parameters (those in the problem's `scaled`) are multiplied by `scale`. `counted` is the
    only step whose loss counts; None stands for all steps.
    """

    sizes: dict[str, int]
    seed: int = 0
    scale: float = 1.0
    counted: int | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        return tuple(self.sizes.items()), self.seed, self.scale, self.counted

    def __str__(self) -> str:
        parts = [f"{name}={size}" for name, size in self.sizes.items()]
        parts += [f"seed={self.seed}", f"scale={self.scale:g}"]
        return ", ".join(parts if self.counted is None else [*parts, f"counted={self.counted}"])
