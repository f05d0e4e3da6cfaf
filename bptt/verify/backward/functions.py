"""One interface for functions with their own backward pass, whatever they are written in.

There are classes for a torch callable (the `apply` of an autograd Function, an
operator of `torch.library`, a module), a pair of NumPy functions, a NumPy function that returns its
loss and its gradients, and a JAX function with a custom VJP.
"""

import math
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import numpy as np

from bptt.errors import InputError

from ..checker.calls import BROKEN, MISSHAPEN, CaseError
from ..checker.evaluated_problem import is_tensor
from .arrays import is_floating
from .interface import DifferentiableFunction, argument_names
from .jax_functions import JaxFunction, in_64_bits
from .nested import Arguments, as_tuple, flat

# Parts of PyTorch's error messages for gradients of the wrong shape or number.
MISSHAPEN_GRADIENTS = ("returned an invalid gradient", "returned an incorrect number of gradients")
PAIR = "(loss, gradients), the loss one number"
Result = TypeVar("Result")
EXPECTED = (
    "a torch callable, a pair (forward, backward) of NumPy functions, a function that returns "
    "(loss, gradients), or a JAX function"
)


class TorchFunction(DifferentiableFunction):
    """A torch callable whose backward pass PyTorch calls."""

    accepts_none = True

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        owner = getattr(function, "__self__", None)  # the autograd Function, if this is its apply
        self.names = argument_names(getattr(owner, "forward", function), skip=("ctx", "self"))

    def call(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Return the outputs, those inside of lists, tuples and dicts, too."""
        return flat(self.function(*self.arguments.given(inputs)))

    def outputs(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        import torch

        with torch.no_grad():
            return self.call(inputs)

    def gradients(
        self, inputs: Sequence[Any], cotangents: Sequence[Any], wanted: Collection[int]
    ) -> dict[int, Any]:
        import torch

        leaves = [
            value.detach().requires_grad_(place in wanted) if is_floating(value) else value
            for place, value in enumerate(inputs)
        ]

        def both_passes() -> tuple[Any, ...]:
            with torch.enable_grad():
                found = self.call(leaves)
            used = [
                (output, cotangent)
                for output, cotangent in zip(found, cotangents, strict=True)
                if cotangent is not None and is_tensor(output) and output.requires_grad
            ]
            if not used:
                raise ValueError("no output depends on an input that requires a gradient")
            outs, given = zip(*used, strict=True)
            of = [leaves[place] for place in wanted]
            return torch_gradients(outs, of, given)

        try:
            slopes = self.holding(leaves, both_passes)
        except RuntimeError as error:
            if any(said in str(error) for said in MISSHAPEN_GRADIENTS):
                raise CaseError(MISSHAPEN, str(error)) from error
            raise
        return dict(zip(wanted, slopes, strict=True))

    def holding(self, inputs: Sequence[Any], run: Callable[[], Result]) -> Result:
        """Return `run()`, in which a module has the parameters that are among the inputs.

        The backward pass may call the module again, as `torch.utils.checkpoint` does.
        """
        return run()


def torch_gradients(
    outputs: Sequence[Any], leaves: Sequence[Any], cotangents: Sequence[Any], retain: bool = False
) -> tuple[Any, ...]:
    """Return the gradients of the leaves; None for those that have none.

    A backward pass that itself calls `backward` leaves gradients in `grad`.
    """
    import torch

    for leaf in leaves:
        leaf.grad = None
    slopes = torch.autograd.grad(
        outputs, leaves, cotangents, retain_graph=retain, allow_unused=True
    )
    pairs = zip(leaves, slopes, strict=True)
    return tuple(leaf.grad if slope is None else slope for leaf, slope in pairs)


class TorchModule(TorchFunction):
    """A module; its parameters are further inputs, after the others."""

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self.parameter_names = tuple(name for name, _ in module.named_parameters())
        self.names = argument_names(module.forward)

    def extra_inputs(self) -> tuple[Any, ...]:
        return tuple(value.detach() for _, value in self.function.named_parameters())  # pyright: ignore[reportFunctionMemberAccess]

    def call(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        arguments = inputs[: len(inputs) - len(self.parameter_names)]
        return self.holding(inputs, lambda: super(TorchModule, self).call(arguments))

    def holding(self, inputs: Sequence[Any], run: Callable[[], Result]) -> Result:
        import torch

        class Holder(torch.nn.Module):
            def forward(self) -> Result:
                return run()

        holder = Holder()
        holder.add_module("held", self.function)  # pyright: ignore[reportArgumentType]
        values = inputs[len(inputs) - len(self.parameter_names) :]
        named = zip(self.parameter_names, values, strict=True)
        return torch.func.functional_call(holder, {f"held.{n}": value for n, value in named}, ())


class NumpyPair(DifferentiableFunction):
    """`forward(*inputs)` and `backward(cotangents, *inputs)`, which returns the gradients.

    With one output `cotangents` is one array, else a tuple of them; those of unused outputs are
    zeros.
    """

    def __init__(self, forward: Callable[..., Any], backward: Callable[..., Any]) -> None:
        self.forward, self.backward = forward, backward
        self.names = argument_names(forward) or argument_names(backward)[1:]

    def outputs(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        return flat(self.forward(*self.arguments.given(inputs)))

    def gradients(
        self, inputs: Sequence[Any], cotangents: Sequence[Any], wanted: Collection[int]
    ) -> dict[int, Any]:
        if any(cotangent is None for cotangent in cotangents):
            cotangents = [
                np.zeros_like(output) if cotangent is None else cotangent
                for output, cotangent in zip(self.outputs(inputs), cotangents, strict=True)
            ]
        given = cotangents[0] if len(cotangents) == 1 else tuple(cotangents)
        slopes = self.backward(given, *self.arguments.given(inputs))
        found = self.arguments.flat_gradients(slopes, self.verified)
        return {place: found.get(place) for place in wanted}


class LossAndGradients(DifferentiableFunction):
    """A function that returns its loss and the gradients with respect to its inputs together.

    `(loss, gradients)` or `(loss, gradient, gradient, ...)`.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.names = argument_names(function)

    def outputs(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        return (self._called(inputs)[0],)

    def _called(self, inputs: Sequence[Any]) -> tuple[Any, Any]:
        """Raise CaseError where the function returns anything but a loss and gradients."""
        found = self.function(*self.arguments.given(inputs))
        if not isinstance(found, tuple | list) or len(found) < 2 or not is_number(found[0]):
            what = ", ".join(type(one).__name__ for one in as_tuple(found))
            raise CaseError(BROKEN, f"expected the function to return {PAIR}, got {what}")
        return np.reshape(found[0], ()), found[1] if len(found) == 2 else tuple(found[1:])

    def gradients(
        self, inputs: Sequence[Any], cotangents: Sequence[Any], wanted: Collection[int]
    ) -> dict[int, Any]:
        found = self.arguments.flat_gradients(self._called(inputs)[1], self.verified)
        slopes = {place: found.get(place) for place in wanted}
        return {
            place: None if slope is None else np.asarray(cotangents[0]) * slope
            for place, slope in slopes.items()
        }


def differentiable(function: Any, drawn: Sequence[Any]) -> DifferentiableFunction:
    """Return the interface that fits `function`, given the arguments of one case.

    Raises InputError where it is none of the supported kinds.
    """
    made = _of_its_kind(function, drawn)
    made.arguments = Arguments(drawn, made.names)
    extra = made.parameter_names if isinstance(made, TorchModule) else ()
    made.names = (*made.arguments.flat_names, *extra)
    return made


def _of_its_kind(function: Any, drawn: Sequence[Any]) -> DifferentiableFunction:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(function, torch.nn.Module):
        return TorchModule(function)
    if isinstance(function, tuple):
        if len(function) != 2 or not all(map(callable, function)):
            raise InputError(f"expected a pair (forward, backward), got {function!r:.80}")
        return NumpyPair(*function)
    if not callable(function):
        raise InputError(f"expected {EXPECTED}, got {type(function).__name__}")
    if any(map(is_tensor, flat(drawn))):
        return TorchFunction(function)
    jax = sys.modules.get("jax")
    if jax is not None:
        with in_64_bits():
            found = function(*drawn)
            if not is_loss_and_gradients(found):  # as it is where a function returns its argument
                given = [jax.numpy.asarray(v) if is_floating(v) else v for v in drawn]
                found = function(*given)
        if all(isinstance(value, jax.Array) for value in as_tuple(found)):
            return JaxFunction(function)
    return LossAndGradients(function)


def is_loss_and_gradients(found: Any) -> bool:
    return isinstance(found, tuple | list) and len(found) == 2 and np.ndim(found[0]) == 0


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) or math.prod(getattr(value, "shape", (0,))) == 1


def import_all_of_torch() -> None:
    """Take a gradient once, if torch is used: it imports modules then, which takes seconds.

    The time limit of a call mustn't interrupt that.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        one = torch.ones(1, requires_grad=True)
        torch.autograd.grad(one * one, one, torch.ones(1))
