"""What a person gives to be verified: parameters, a loss, and a gradient written by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Skip(Exception):  # noqa: N818 - it is no error, as unittest.SkipTest is none
    """Raised by a maker of problems where the sizes don't fit: `raise Skip("H must be even")`.

    The case is neither right nor wrong; the report counts it.
    """


@dataclass(frozen=True)
class GradientProblem:
    """One function with its hand-written gradient, at one size.

    `parameters` maps names to float32 or float64 arrays, all NumPy or all torch. `loss` takes such
    a dict and returns a scalar; `gradient` takes such a dict and returns one with the same names
    and shapes. Both are called with copies, at other values too, and must use what they are given.

    `loss_of_steps` is optional, for recurrent problems with a size T: the same loss, where each
    time step has its own copy of the parameters: it takes a list of T dicts. It shows which steps
    a wrong gradient counts. `fold` is for gradients that are deliberately not the plain sum of
    their steps' shares, such as a running clip: it takes the T shares, each a dict, first step
    first, and returns what the gradient should be. It must never move two gradients apart.

    `autograd=False` says that PyTorch's gradient of the loss would be the very gradient in question
    (of a function with its own backward pass), so it is no oracle.

    `truncate` is for truncated backpropagation through time: with K, the loss of step t counts the
    use of the parameters in the K steps t, t - 1, ..., t - K + 1 only, as in

        for t in range(T):
            for k in range(t, max(-1, t - K), -1): ...  # add what step k contributes

    It needs `loss_of_steps`, which then returns the T losses, one a step (zeros where a step has
    none). Where it returns one number instead, it is also called with the first n dicts alone, and
    must return the loss of those n steps. Gradients of the last K steps alone are a fold:
    `lambda shares: {name: sum(share[name] for share in shares[-K:]) for name in shares[0]}`.

    The function that makes problems may take a keyword `counted`, None by default. Given a step, it
    makes the problem whose loss counts this step alone, with the state at the start among the
    parameters. It shows the error against the lag from a state to a target.
    """

    parameters: dict[str, Any]
    loss: Callable[[dict[str, Any]], Any]
    gradient: Callable[[dict[str, Any]], Any]
    loss_of_steps: Callable[[list[dict[str, Any]]], Any] | None = None
    fold: Callable[[list[dict[str, Any]]], dict[str, Any]] | None = None
    truncate: int | None = None
    autograd: bool = True


@dataclass(frozen=True)
class Case:
    """What makes a problem: sizes by name, the seed of its rng, and a factor on its parameters.

    `counted` is the step whose loss alone is asked for, None for all of them.
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
