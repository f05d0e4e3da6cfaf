"""One interface for functions with their own backward pass, whatever they are written in.

There are classes for a torch callable (the `apply` of an autograd Function, an
operator of `torch.library`, a module), a pair of NumPy functions, a NumPy function that returns its
loss and its gradients, and a JAX function with a custom VJP.
"""

import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from bptt.errors import InputError

from ..checker.calls import BROKEN, MISSHAPEN, CaseError
from ..checker.evaluated_problem import is_tensor
from .interface import DifferentiableFunction, argument_names, as_tuple, by_place, is_floating

# Parts of PyTorch's error messages for gradients of the wrong shape or number.
MISSHAPEN_GRADIENTS = ("returned an invalid gradient", "returned an incorrect number of gradients")
PAIR = "(loss, gradients)"
EXPECTED = (
    "a torch callable, a pair (forward, backward) of NumPy functions, a function that returns "
    "(loss, gradients), or a JAX function"
)


class TorchFunction(DifferentiableFunction):
    """A torch callable whose backward pass PyTorch calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        owner = getattr(function, "__self__", None)  # the autograd Function, if this is its apply
        self.names = argument_names(getattr(owner, "forward", function), skip=("ctx", "self"))

    def call(self, inputs: Sequence[Any]) -> Any:
        return self.function(*inputs)

    def outputs(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        import torch

        with torch.no_grad():
            return as_tuple(self.call(inputs))

    def gradients(
        self, inputs: Sequence[Any], cotangents: Sequence[Any], wanted: Collection[int]
    ) -> dict[int, Any]:
        import torch

        leaves = [
            value.detach().requires_grad_(place in wanted) if is_tensor(value)
            and value.is_floating_point() else value
            for place, value in enumerate(inputs)
        ]  # fmt: skip
        with torch.enable_grad():
            found = as_tuple(self.call(leaves))
        used = [
            (output, cotangent)
            for output, cotangent in zip(found, cotangents, strict=True)
            if cotangent is not None and is_tensor(output) and output.requires_grad
        ]
        if not used:
            raise ValueError("no output depends on an input that requires a gradient")
        outs, given = zip(*used, strict=True)
        try:
            slopes = torch.autograd.grad(
                outs, [leaves[place] for place in wanted], given, allow_unused=True
            )
        except RuntimeError as error:
            if any(said in str(error) for said in MISSHAPEN_GRADIENTS):
                raise CaseError(MISSHAPEN, str(error)) from error
            raise
        return dict(zip(wanted, slopes, strict=True))


class TorchModule(TorchFunction):
    """A module; its parameters are further inputs, after the others."""

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self.parameter_names = tuple(name for name, _ in module.named_parameters())
        self.names = (*argument_names(module.forward), *self.parameter_names)

    def extra_inputs(self) -> tuple[Any, ...]:
        return tuple(value.detach().double() for _, value in self.function.named_parameters())  # pyright: ignore[reportFunctionMemberAccess]

    def call(self, inputs: Sequence[Any]) -> Any:
        import torch

        split = len(inputs) - len(self.parameter_names)
        parameters = dict(zip(self.parameter_names, inputs[split:], strict=True))
        return torch.func.functional_call(self.function, parameters, tuple(inputs[:split]))  # pyright: ignore[reportArgumentType]


class NumpyPair(DifferentiableFunction):
    """`forward(*inputs)` and `backward(cotangents, *inputs)`, which returns the gradients.

    With one output `cotangents` is one array, else a tuple of them.
    """

    def __init__(self, forward: Callable[..., Any], backward: Callable[..., Any]) -> None:
        self.forward, self.backward = forward, backward
        self.names = argument_names(forward)

    def outputs(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        return as_tuple(self.forward(*inputs))

    def gradients(
        self, inputs: Sequence[Any], cotangents: Sequence[Any], wanted: Collection[int]
    ) -> dict[int, Any]:
        given = cotangents[0] if len(cotangents) == 1 else tuple(cotangents)
        return by_place(self.backward(given, *inputs), inputs, self.names, wanted)


class LossAndGradients(DifferentiableFunction):
    """A function that returns its loss and the gradients with respect to its inputs together."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.names = argument_names(function)

    def outputs(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        return (np.asarray(self._called(inputs)[0]),)

    def _called(self, inputs: Sequence[Any]) -> tuple[Any, Any]:
        """Raise CaseError where the function returns anything but a loss and gradients."""
        found = self.function(*inputs)
        if not is_loss_and_gradients(found):
            what = type(found).__name__
            raise CaseError(BROKEN, f"expected the function to return {PAIR}, got {what}")
        return found[0], found[1]

    def gradients(
        self, inputs: Sequence[Any], cotangents: Sequence[Any], wanted: Collection[int]
    ) -> dict[int, Any]:
        found = by_place(self._called(inputs)[1], inputs, self.names, wanted)
        return {
            place: None if slope is None else np.asarray(cotangents[0]) * slope
            for place, slope in found.items()
        }


class JaxFunction(DifferentiableFunction):
    """A JAX function; its VJP is taken with respect to the wanted inputs."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.names = argument_names(function)

    def outputs(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        with in_64_bits():
            return tuple(map(np.asarray, as_tuple(self.function(*inputs))))

    def gradients(
        self, inputs: Sequence[Any], cotangents: Sequence[Any], wanted: Collection[int]
    ) -> dict[int, Any]:
        import jax  # pyright: ignore[reportMissingImports]  # an extra

        def of_wanted(*values: Any) -> tuple[Any, ...]:
            given = list(inputs)
            for place, value in zip(wanted, values, strict=True):
                given[place] = value
            return as_tuple(self.function(*given))

        with in_64_bits():
            found, pull = jax.vjp(of_wanted, *(inputs[place] for place in wanted))
            given = tuple(
                np.zeros(output.shape, output.dtype)
                if cotangent is None
                else np.asarray(cotangent, output.dtype)
                for output, cotangent in zip(found, cotangents, strict=True)
            )
            # With 64 bits a Python float in the user's code may promote a gradient of float32.
            return {
                place: np.asarray(slope, inputs[place].dtype)
                for place, slope in zip(wanted, pull(given), strict=True)
            }

    def twice(
        self,
        inputs: Sequence[Any],
        cotangents: Sequence[Any],
        weights: dict[int, Any],
        outputs: Sequence[int],
    ) -> tuple[dict[int, Any], dict[int, Any]]:
        """Return the derivatives of the weighted gradients by the inputs and by the cotangents."""
        import jax  # pyright: ignore[reportMissingImports]  # an extra

        places = list(weights)

        def of_inputs(*values: Any) -> tuple[Any, ...]:
            given = list(inputs)
            for place, value in zip(places, values, strict=True):
                given[place] = value
            found = as_tuple(self.function(*given))
            return tuple(found[k] for k in outputs)

        def weighted(values: Any, upstream: Any) -> Any:
            slopes = jax.vjp(of_inputs, *values)[1](tuple(upstream))
            return sum(
                (slope * weights[place]).sum() for place, slope in zip(places, slopes, strict=True)
            )

        with in_64_bits():
            found = jax.grad(weighted, (0, 1))(
                [np.asarray(inputs[place]) for place in places],
                [np.asarray(cotangents[k]) for k in outputs],
            )
            return dict(zip(places, map(np.asarray, found[0]), strict=True)), dict(
                zip(outputs, map(np.asarray, found[1]), strict=True)
            )

    def forward_derivative(self, inputs: Sequence[Any], tangents: dict[int, Any]) -> list[Any]:
        """Return the derivatives of the outputs along the tangents.

        Raises TypeError for a function with `custom_vjp`, which JAX doesn't differentiate forwards.
        """
        import jax  # pyright: ignore[reportMissingImports]  # an extra

        def of_wanted(*values: Any) -> tuple[Any, ...]:
            given = list(inputs)
            for place, value in zip(tangents, values, strict=True):
                given[place] = value
            return as_tuple(self.function(*given))

        with in_64_bits():
            here = tuple(np.asarray(inputs[place]) for place in tangents)
            moved = jax.jvp(of_wanted, here, tuple(map(np.asarray, tangents.values())))[1]
            return list(map(np.asarray, moved))


def in_64_bits() -> AbstractContextManager[Any]:
    """Return a block in which JAX keeps float64; elsewhere it may round it to float32."""
    import jax  # pyright: ignore[reportMissingImports]  # an extra

    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    import jax.experimental  # pyright: ignore[reportMissingImports]

    older: Any = jax.experimental
    return older.enable_x64()


def differentiable(function: Any, inputs: Sequence[Any]) -> DifferentiableFunction:
    """Return the interface that fits `function`, given the inputs of one case.

    Raises InputError where it is none of the supported kinds.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(function, torch.nn.Module):
        return TorchModule(function)
    if isinstance(function, tuple):
        if len(function) != 2 or not all(map(callable, function)):
            raise InputError(f"expected a pair (forward, backward), got {function!r:.80}")
        return NumpyPair(*function)
    if not callable(function):
        raise InputError(f"expected {EXPECTED}, got {type(function).__name__}")
    if any(map(is_tensor, inputs)):
        return TorchFunction(function)
    jax = sys.modules.get("jax")
    if jax is not None:
        with in_64_bits():
            found = function(*inputs)
            if not is_loss_and_gradients(found):  # as it is where a function returns its argument
                given = [jax.numpy.asarray(v) if is_floating(v) else v for v in inputs]
                found = function(*given)
        if all(isinstance(value, jax.Array) for value in as_tuple(found)):
            return JaxFunction(function)
    return LossAndGradients(function)


def is_loss_and_gradients(found: Any) -> bool:
    return isinstance(found, tuple | list) and len(found) == 2 and np.ndim(found[0]) == 0


def import_all_of_torch() -> None:
    """Take a gradient once, if torch is used: it imports modules then, which takes seconds.

    The time limit of a call mustn't interrupt that.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        one = torch.ones(1, requires_grad=True)
        torch.autograd.grad(one * one, one, torch.ones(1))
