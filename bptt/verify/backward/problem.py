"""A function with its own backward pass, and its random inputs and cotangents at one case."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bptt.errors import InputError

from ..checker.calls import BROKEN, MISSHAPEN, CaseError, call
from ..checker.evaluated_problem import is_tensor, to_array
from ..checker.loading import ProblemFactory, size_names
from ..checker.problem import Case, GradientProblem
from .arrays import (
    as_array,
    as_reals,
    copied,
    dtype_name,
    from_reals,
    in_dtype,
    is_complex_array,
    is_floating,
    promoted,
    random_like,
)
from .functions import differentiable
from .interface import DifferentiableFunction, bounded_inputs
from .nested import as_tuple, flat

# NumPy code and JAX don't agree with torch, nor with each other, on what a complex gradient is.
COMPLEX = "expected real arrays (complex ones only as tensors of torch): pass their two parts"


@dataclass(frozen=True)
class BackwardProblem:
    """A function with its own backward pass, and a function that draws its inputs.

    `function` is a torch callable (the `apply` of an autograd Function, an operator, or a module,
    whose parameters are further inputs), a pair `(forward, backward)` of NumPy functions where
    `backward(cotangents, *inputs)` returns the gradients, a NumPy function that returns its loss
    and the gradients, or a JAX function with a custom VJP. The cotangents are the gradients with
    respect to the outputs.

    `inputs(rng, N, D, ...)` draws the arguments of the function for given sizes, whose names are
    free: it returns a tuple of arrays or tensors, of lists, tuples and dicts of them, and other
    arguments. The gradients with respect to the floating ones are verified, or to those named in
    `wrt` (`["x", "w"]`), if the others are constants; those of complex tensors are
    ∂L/∂Re + i ∂L/∂Im, as in torch. `forward` is optional: the same function in plain torch
    operations, for which autograd is the oracle; without it, central differences of the function
    are. `time_limit` is in seconds, for each call. An input that is unbounded (normal numbers, say)
    is also multiplied, by 0.01 to 10; one that is positive, or in a range, never is.

        def inputs(rng, N, D):
            return torch.tensor(rng.standard_normal((N, D))), torch.tensor(rng.standard_normal(D))

        layer = BackwardProblem(LayerNorm.apply, inputs)     # bptt verify file.py:layer
    """

    function: Any
    inputs: Callable[..., Any]
    forward: Callable[..., Any] | None = None
    time_limit: float = 10.0
    wrt: Sequence[str] | None = None

    @property
    def name(self) -> str:
        owner = getattr(self.function, "__self__", self.function)
        if isinstance(owner, tuple):
            owner = owner[0]
        return getattr(owner, "__qualname__", type(owner).__name__).rpartition("<locals>.")[2]

    @property
    def size_names(self) -> tuple[str, ...]:
        return size_names(self.inputs, "inputs")

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.inputs)

    def __call__(self, rng: np.random.Generator, **sizes: int) -> GradientProblem:
        """Return a scalar problem: the sum of the outputs, weighted by random cotangents.

        So an object of this class is itself a function that makes problems, as `check` takes it.
        """
        seed = int(rng.integers(2**31))
        case = BackwardCase(self, Case(sizes, seed), self.time_limit)
        cotangents = case.cotangents
        names = {case.name_of(place): place for place in case.places}

        def placed(values: dict[str, Any]) -> list[Any]:
            inputs = [copied(value) for value in case.inputs]
            for name, place in names.items():
                inputs[place] = from_reals(values[name], inputs[place])
            return inputs

        def loss(values: dict[str, Any]) -> Any:
            run = self.forward
            inputs = placed(values)
            given = case.function.arguments.given(inputs)
            found = case.function.outputs(inputs) if run is None else flat(run(*given))
            return sum(
                (as_reals(as_array(output)) * as_reals(cotangent)).sum()
                for output, cotangent in zip(found, cotangents, strict=True)
                if cotangent is not None
            )

        def gradient(values: dict[str, Any]) -> dict[str, Any]:
            found = case.gradients(placed(values))
            return {name: promoted(found[place], values[name]) for name, place in names.items()}

        parameters = {name: as_reals(case.inputs[place]) for name, place in names.items()}
        return GradientProblem(
            parameters,
            loss,
            gradient,
            autograd=self.forward is not None,
            scaled=[name for name, place in names.items() if place not in self._bounded],
        )

    @cached_property
    def _bounded(self) -> frozenset[int]:
        return bounded_inputs(self.inputs, self.size_names)


def with_time_limit(factory: ProblemFactory, seconds: float) -> ProblemFactory:
    """Return the factory of a BackwardProblem with this time limit for each call."""
    problem: Any = factory.function
    return replace(factory, function=replace(problem, time_limit=seconds))


class BackwardCase:
    """Random inputs of given sizes in one dtype, and random cotangents for the outputs.

    `limit` is in seconds, for each call. Raises CaseError where the inputs can't be drawn or the
    forward pass fails.
    """

    def __init__(
        self, problem: BackwardProblem, case: Case, limit: float, dtype: str = "float64"
    ) -> None:
        self.case, self.limit, self.dtype = case, limit, dtype
        rng = np.random.default_rng(case.seed)
        drawn = as_tuple(call("inputs", lambda: problem.inputs(rng=rng, **case.sizes), limit=limit))
        self.function: DifferentiableFunction = differentiable(problem.function, drawn)
        self.inputs = [
            in_dtype(value, dtype) if is_floating(value) else value
            for value in (*self.function.arguments.values, *self.function.extra_inputs())
        ]
        if any(map(is_complex_array, self.inputs)):
            raise InputError(f"inputs{tuple(case.sizes)}: {COMPLEX}")
        self.places = [
            place
            for place, value in enumerate(self.inputs)
            if is_floating(value) and self._is_wanted(place, problem.wrt)
        ]
        if not self.places:
            raise InputError(f"inputs{tuple(case.sizes)}: expected a floating array among them")
        self.function.verified = tuple(self.places)
        self._rng = np.random.default_rng([case.seed, 30])

    def _is_wanted(self, place: int, wrt: Sequence[str] | None) -> bool:
        """Raise InputError for a name that no input has, nor an argument that holds one."""
        if wrt is None:
            return True
        names = self.function.names
        wrt = [wrt] if isinstance(wrt, str) else wrt
        for name in wrt:
            if not any(is_of(other, name) for other in names):
                raise InputError(f"wrt: expected names of inputs, {', '.join(names)}, got {name!r}")
        return any(is_of(names[place], name) for name in wrt)

    @property
    def is_complex(self) -> bool:
        """Whether inputs or outputs are complex."""
        return any(
            is_tensor(value) and value.is_complex() for value in (*self.inputs, *self.outputs)
        )

    def name_of(self, place: int) -> str:
        return self.function.names[place]

    @cached_property
    def outputs(self) -> tuple[Any, ...]:
        """Copies of the outputs. Raises CaseError where none of them is floating."""
        inputs = [copied(value) for value in self.inputs]  # it may change them
        found = call("forward", self.function.outputs, inputs, limit=self.limit)
        if any(map(is_complex_array, found)):
            raise CaseError(BROKEN, f"outputs: {COMPLEX}")
        if not any(map(is_floating, map(as_array, found))):
            kinds = ", ".join(type(value).__name__ for value in found)
            raise CaseError(BROKEN, f"expected a floating output, got {kinds}")
        return tuple(copied(as_array(value)) for value in found)

    @cached_property
    def cotangents(self) -> tuple[Any, ...]:
        """Random gradients with respect to the outputs; None for outputs that aren't floating."""
        return tuple(
            random_like(value, self._rng) if is_floating(value) else None for value in self.outputs
        )

    @cached_property
    def sizes(self) -> dict[int, float]:
        """The largest entry of each gradient: where one cancels to 0, its errors stay as large."""
        found = {place: copied(slope) for place, slope in self.gradients().items()}
        sizes = {
            place: 0.0 if slope is None else float(np.abs(to_array(slope)).max(initial=0.0))
            for place, slope in found.items()
        }
        return {place: size if np.isfinite(size) else 0.0 for place, size in sizes.items()}

    def gradients(
        self,
        inputs: Sequence[Any] | None = None,
        cotangents: Sequence[Any] | None = None,
        wanted: Sequence[int] | None = None,
    ) -> dict[int, Any]:
        """Run both passes, by default on copies of the random inputs and cotangents.

        `wanted` are the positions of the inputs whose gradients are returned, by default all
        floating ones. Raises CaseError where the function raises, or where the shape or dtype of a
        gradient is not that of its input.
        """
        inputs = [copied(value) for value in self.inputs] if inputs is None else inputs
        given = [copied(value) for value in self.cotangents] if cotangents is None else cotangents
        chosen = self.places if wanted is None else wanted
        found = call("backward", self.function.gradients, inputs, given, chosen, limit=self.limit)
        for place, slope in found.items():
            self._checked(place, slope, inputs[place])
        return found

    def _checked(self, place: int, slope: Any, value: Any) -> None:
        if slope is None:
            return
        shapes = tuple(np.shape(slope)), tuple(value.shape)
        if shapes[0] != shapes[1]:
            raise CaseError(
                MISSHAPEN,
                f"the gradient of {self.name_of(place)}: expected shape {shapes[1]}, "
                f"got {shapes[0]}",
            )
        dtypes = dtype_name(slope), dtype_name(value)
        # NumPy promotes by itself, and code may compute in a dtype of its own in both passes.
        own = not is_tensor(value) and dtypes[0] in (
            "float64",
            *(dtype_name(output) for output in self.outputs if is_floating(output)),
        )
        if dtypes[0] != dtypes[1] and not own:
            raise CaseError(
                MISSHAPEN,
                f"the gradient of {self.name_of(place)}: expected {dtypes[1]}, got {dtypes[0]}",
            )


def is_of(name: str, argument: str) -> bool:
    """Whether a name is that of an argument, or of an input that the argument holds: `p['W']`."""
    return name == argument or name.startswith(f"{argument}[")
