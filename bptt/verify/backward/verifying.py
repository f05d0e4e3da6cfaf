"""Verify a backward pass: its values against the best oracle, then the other checks."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bptt.errors import InputError

from ..checker.asserting import fail_unless_right
from ..checker.case_result import CaseResult
from ..checker.loading import ProblemFactory
from ..checker.report.report import Report
from ..checker.settings import Settings
from .isolated import Collected, in_a_process
from .phases import run_phases
from .problem import BackwardProblem, with_time_limit
from .settings import RACE_SECONDS, BackwardSettings


def verify_backward(
    function: Any,
    inputs: Callable[..., Any] | None = None,
    *,
    forward: Callable[..., Any] | None = None,
    wrt: Sequence[str] | None = None,
    settings: Settings | None = None,
    seen: Callable[[CaseResult], None] = lambda _: None,
    dtypes: tuple[str, ...] = ("float32",),
    race_seconds: float = RACE_SECONDS,
    order: int = 1,
    isolated: bool = False,
) -> Report:
    """Verify a function with its own backward pass; see `BackwardProblem` for its arguments.

    `function` may also be a `BackwardProblem`, instead of the first four. `seen` is called with
    the result of each case. `dtypes` are the lower precisions to check as well: float32, bfloat16,
    float16. `race_seconds` is the time for repeating the same call, to find race conditions. With
    `order=2` the gradient of the gradient is checked, too (torch and JAX).

    With `isolated`, the function runs in a forked process: if it dies of a signal, ends the process
    or hangs in compiled code, the report says at which input. torch has one thread there, and JAX,
    whose threads don't survive a fork, can't be used.

        report = verify_backward(LayerNorm.apply, inputs)
        report.verdict, [check.name for check in report.failed_checks]

    Raises InputError where nothing could be run, or for bad settings.
    """
    problem = _problem(function, inputs, forward, wrt)
    factory = ProblemFactory(problem, problem.size_names, problem.name)
    options = BackwardSettings(tuple(dtypes), race_seconds, order)
    return verify_factory(factory, settings or Settings(), seen, options, isolated)


@np.errstate(all="ignore")  # gradients may hold any numbers
def verify_factory(
    factory: ProblemFactory,
    settings: Settings,
    seen: Callable[[CaseResult], None],
    options: BackwardSettings,
    isolated: bool,
) -> Report:
    """Verify a factory whose function is a `BackwardProblem`, as `verify_backward` does."""
    factory = with_time_limit(factory, settings.time_limit)
    work = partial(run_phases, factory, settings, options)
    if isolated:
        return in_a_process(work, factory.target, settings, seen)
    collected = Collected(factory.target, settings, seen)
    work(frozenset(), collected.add)
    return collected.report()


def assert_backward_right(
    function: Any,
    inputs: Callable[..., Any] | None = None,
    *,
    forward: Callable[..., Any] | None = None,
    wrt: Sequence[str] | None = None,
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
    given sizes. See `BackwardProblem` for these, `forward` and `wrt`, `verify_backward` for
    `dtypes`, `race_seconds`, `order` and `isolated`, and `assert_gradient_right` for the other
    arguments. The error's text is the whole report.

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
            wrt=wrt,
            settings=settings,
            dtypes=dtypes,
            race_seconds=race_seconds,
            order=order,
            isolated=isolated,
        )
    )


def _problem(
    function: Any,
    inputs: Callable[..., Any] | None,
    forward: Callable[..., Any] | None,
    wrt: Sequence[str] | None,
) -> BackwardProblem:
    if isinstance(function, BackwardProblem):
        return function
    if not callable(inputs):
        raise InputError(
            f"inputs: expected inputs(rng, N, D, ...), which draws the arguments, got {inputs!r}"
        )
    return BackwardProblem(function, inputs, forward, wrt=wrt)
