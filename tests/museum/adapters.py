"""Adapters that hand any exhibit to checkers that want another form of function."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import numpy as np
import torch

from bptt.verify.backward.arrays import is_floating
from bptt.verify.backward.functions import TorchFunction, differentiable

NUMBERS = count()


class Adapted:
    """A function with its backward pass at some inputs, as calls with arrays only.

    The arrays are the floating inputs; the others are those of the case. None for a gradient
    becomes zeros. `function` is the exhibit's, in its own form.
    """

    def __init__(self, function: Any, inputs: Sequence[Any]) -> None:
        self.function, self.inputs = function, tuple(inputs)
        self.form = differentiable(function, self.inputs)
        self.places = [place for place, value in enumerate(self.inputs) if is_floating(value)]
        self.values = [_array(self.inputs[place]) for place in self.places]
        self.examples = self.outputs(self.values)  # of shapes and dtypes

    def outputs(self, values: Sequence[Any]) -> list[np.ndarray]:
        return [np.array(_array(value)) for value in self.form.outputs(self._given(values))]

    def gradients(self, values: Sequence[Any], cotangents: Sequence[Any]) -> list[np.ndarray]:
        inputs = self._given(values)
        of_torch = isinstance(self.form, TorchFunction)
        given = [torch.from_numpy(c) if of_torch else c for c in map(_array, cotangents)]
        found = self.form.gradients(inputs, given, self.places)
        return [
            np.zeros_like(value) if found[place] is None else np.array(_array(found[place]))
            for place, value in zip(self.places, self.values, strict=True)
        ]

    def _given(self, values: Sequence[Any]) -> list[Any]:
        inputs = list(self.inputs)
        for place, value in zip(self.places, values, strict=True):
            of_torch = isinstance(self.inputs[place], torch.Tensor)
            inputs[place] = torch.from_numpy(_array(value)) if of_torch else _array(value)
        return inputs


def _array(value: Any) -> np.ndarray:
    return value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def torch_callable(adapted: Adapted) -> tuple[Callable[..., Any], list[Any]]:
    """Return a torch callable and its inputs, whose floating ones require gradients."""
    if isinstance(adapted.form, TorchFunction):
        inputs = [
            value.clone().requires_grad_() if is_floating(value) else value
            for value in adapted.inputs
        ]
        return adapted.function, inputs

    def forward(ctx: Any, *values: torch.Tensor) -> Any:
        ctx.save_for_backward(*values)
        found: Any = tuple(map(torch.from_numpy, adapted.outputs(values)))
        return found if len(found) > 1 else found[0]

    def backward(ctx: Any, *cotangents: torch.Tensor) -> Any:
        return tuple(map(torch.from_numpy, adapted.gradients(ctx.saved_tensors, cotangents)))

    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    made: Any = type("Adapted", (torch.autograd.Function,), members)
    return made.apply, [torch.tensor(value, requires_grad=True) for value in adapted.values]


def operators(adapted: Adapted) -> tuple[tuple[Any, tuple[Any, ...]], ...]:
    """Return custom operators with their inputs: one with this backward pass, and that alone."""
    number, inputs = next(NUMBERS), [torch.tensor(value) for value in adapted.values]
    cotangents = [torch.ones(value.shape, dtype=_dtype(value)) for value in adapted.examples]
    n = len(cotangents)
    forward = _operator(
        f"museum::forward{number}",
        lambda *values: adapted.outputs(values),
        inputs,
        adapted.examples,
    )
    backward = _operator(
        f"museum::backward{number}",
        lambda *values: adapted.gradients(values[n:], values[:n]),
        [*cotangents, *inputs],
        adapted.values,
    )

    def of_context(ctx: Any, *given: Any) -> Any:
        found = backward(*given, *ctx.saved_tensors)
        return found if isinstance(found, torch.Tensor) else tuple(found)

    def save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs)

    forward.register_autograd(of_context, setup_context=save)
    of_forward = [value.clone().requires_grad_() for value in inputs]
    return (forward, tuple(of_forward)), (backward, (*cotangents, *inputs))


def _operator(
    name: str, run: Callable[..., Any], inputs: Sequence[Any], results: Sequence[np.ndarray]
) -> Any:
    """Define an operator on tensors; `results` show the shapes of what it returns."""
    arguments = ", ".join(f"Tensor x{k}" for k in range(len(inputs)))
    returned = ", ".join("Tensor" for _ in results)
    schema = f"({arguments}) -> {returned if len(results) == 1 else f'({returned})'}"

    def packed(found: Sequence[torch.Tensor]) -> Any:
        return tuple(found) if len(found) > 1 else found[0]

    def computed(*values: torch.Tensor) -> Any:
        return packed([torch.from_numpy(np.array(value, order="C")) for value in run(*values)])

    def shaped(*values: torch.Tensor) -> Any:
        return packed([values[0].new_empty(r.shape, dtype=_dtype(r)) for r in results])

    made = torch.library.custom_op(name, computed, mutates_args=(), schema=schema)
    made.register_fake(shaped)
    return made


def _dtype(value: np.ndarray) -> torch.dtype:
    return torch.from_numpy(np.empty(0, value.dtype)).dtype


def jax_function(adapted: Adapted) -> Callable[..., Any]:
    """Return a JAX function with this VJP, through callbacks."""
    import jax  # pyright: ignore[reportMissingImports]  # an extra

    outputs = tuple(jax.ShapeDtypeStruct(v.shape, v.dtype) for v in adapted.examples)
    slopes = tuple(jax.ShapeDtypeStruct(v.shape, v.dtype) for v in adapted.values)

    def called(*values: Any) -> tuple[np.ndarray, ...]:
        return tuple(adapted.outputs(list(map(np.array, values))))

    def pulled(cotangents: Any, *values: Any) -> tuple[np.ndarray, ...]:
        given = list(map(np.array, values)), list(map(np.array, cotangents))
        return tuple(adapted.gradients(*given))

    of_jax: Any = jax.custom_vjp(lambda *values: jax.pure_callback(called, outputs, *values))
    of_jax.defvjp(
        lambda *values: (of_jax(*values), values),
        lambda values, cotangents: jax.pure_callback(pulled, slopes, cotangents, *values),
    )
    return of_jax


def hips_primitive(adapted: Adapted) -> Callable[..., Any]:
    """Return a primitive of HIPS autograd with these VJPs; its output is one vector."""
    from autograd.extend import (  # pyright: ignore[reportMissingImports]  # an extra
        defvjp,
        primitive,
    )

    @primitive
    def of_hips(*values: Any) -> Any:
        return np.concatenate([value.ravel() for value in adapted.outputs(values)])

    def vjp_of(place: int) -> Callable[..., Any]:
        def vjp(result: Any, *values: Any) -> Callable[[Any], Any]:
            def pulled(cotangent: Any) -> Any:
                ends = np.cumsum([value.size for value in adapted.examples])[:-1]
                parts = np.split(np.array(cotangent), ends)
                shaped = [p.reshape(e.shape) for p, e in zip(parts, adapted.examples, strict=True)]
                return adapted.gradients(values, shaped)[place]

            return pulled

        return vjp

    defvjp(of_hips, *map(vjp_of, range(len(adapted.values))))
    return of_hips
