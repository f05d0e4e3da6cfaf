"""A JAX function with a VJP of its own."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from .interface import DifferentiableFunction, argument_names
from .nested import flat


class JaxFunction(DifferentiableFunction):
    """A JAX function; its VJP is taken with respect to the wanted inputs."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.names = argument_names(function)

    def called(self, inputs: Sequence[Any]) -> Any:
        return self.function(*self.arguments.given(inputs))

    def outputs(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        with in_64_bits():
            return tuple(map(np.asarray, flat(self.called(inputs))))

    def gradients(
        self, inputs: Sequence[Any], cotangents: Sequence[Any], wanted: Collection[int]
    ) -> dict[int, Any]:
        import jax  # pyright: ignore[reportMissingImports]  # an extra

        def of_wanted(*values: Any) -> tuple[Any, ...]:
            given = list(inputs)
            for place, value in zip(wanted, values, strict=True):
                given[place] = value
            return flat(self.called(given))

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
            found = flat(self.called(given))
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
            return flat(self.called(given))

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
