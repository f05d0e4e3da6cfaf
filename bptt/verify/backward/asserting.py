"""An assertion for test suites: `assert_backward_right(MyFunction.apply, inputs)`."""

from collections.abc import Callable, Mapping
from typing import Any

from ..checker.asserting import fail_unless_right
from ..checker.settings import Settings
from .settings import RACE_SECONDS
from .verifying import verify_backward


def assert_backward_right(
    function: Any,
    inputs: Callable[..., Any] | None = None,
    *,
    forward: Callable[..., Any] | None = None,
    sizes: Mapping[str, tuple[int, int]] | None = None,
    cases: int = 60,
    seed: int = 0,
    time_limit: float = 10.0,
    budget: float = 12.0,
    tolerance: float = 0.0,
    dtypes: tuple[str, ...] = ("float32",),
    race_seconds: float = RACE_SECONDS,
    order: int = 1,
    isolated: bool = False,
) -> None:
    """Verify a function with its own backward pass; raise AssertionError unless it is right.

    `function` is a torch callable, a pair `(forward, backward)` of NumPy functions, a function
    that returns `(loss, gradients)` or a JAX function; `inputs(rng, N, D)` draws its arguments for
    given sizes. See `BackwardProblem` for both, `verify_backward` for `forward`, `dtypes`,
    `race_seconds`, `order` and `isolated`, and `assert_gradient_right` for the other arguments. The
    error's text is the whole report.

        def test_layer_norm():
            assert_backward_right(LayerNorm.apply, inputs)

    Raises InputError where nothing could be run.
    """
    __tracebackhide__ = True
    settings = Settings(cases, seed, time_limit, dict(sizes or {}), budget, tolerance)
    fail_unless_right(
        verify_backward(
            function,
            inputs,
            forward=forward,
            settings=settings,
            dtypes=dtypes,
            race_seconds=race_seconds,
            order=order,
            isolated=isolated,
        )
    )
