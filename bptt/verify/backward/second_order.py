"""Verify the gradient of the gradient: that of a weighted sum of a backward pass's results.

The weighted sum is a scalar problem of its own, in the inputs and in the cotangents. Its gradient
is what double backward gives (torch's `create_graph`, JAX's `grad` of a VJP); it is compared with
central differences of the first backward pass, or with autograd through a plain `forward`.
"""

import inspect
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bptt.errors import InputError

from ..checker import case_result
from ..checker.calls import CaseError, call
from ..checker.check_result import FAILED, PASSED, REFUSED, CheckResult
from ..checker.loading import ProblemFactory
from ..checker.problem import Case, GradientProblem
from ..checker.report.report import Report
from ..checker.settings import Settings
from ..checker.verifying import verify
from .arrays import copied, random_like
from .functions import TorchFunction
from .interface import DifferentiableFunction
from .jax_functions import JaxFunction
from .nested import Arguments, flat
from .problem import BackwardCase, BackwardProblem

NAME = "second order"
MOST_CASES, OF_THE_BUDGET, LEAST_SECONDS = 20, 0.25, 6.0
ONCE = "once_differentiable"
COMPLEX = "complex numbers have no second order here"
NO_GRAPH = "order=2 needs a function of torch or JAX"
DETACHED = (
    "the gradients don't depend on the inputs: were they computed by NumPy, or of detached tensors?"
)


@dataclass(frozen=True)
class SecondOrder:
    """The problem of a backward pass's own gradient; a function that makes problems."""

    problem: BackwardProblem

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.problem.inputs)

    def __call__(self, rng: np.random.Generator, **sizes: int) -> GradientProblem:
        case = BackwardCase(
            self.problem, Case(sizes, int(rng.integers(2**31))), self.problem.time_limit
        )
        weights = {place: random_like(case.inputs[place], rng) for place in case.places}
        inputs = {case.name_of(place): place for place in case.places}
        upstream = {
            f"cotangent {k}": k for k, value in enumerate(case.cotangents) if value is not None
        }

        def placed(values: dict[str, Any]) -> tuple[list[Any], list[Any]]:
            given = [copied(value) for value in case.inputs]
            cotangents = list(case.cotangents)
            for name, place in inputs.items():
                given[place] = values[name]
            for name, place in upstream.items():
                cotangents[place] = values[name]
            return given, cotangents

        def loss(values: dict[str, Any]) -> Any:
            given, cotangents = placed(values)
            if self.problem.forward is not None:
                found = plain_gradients(
                    self.problem.forward, case.function.arguments, given, cotangents, case.places
                )
            else:
                found = case.function.gradients(given, cotangents, case.places)
            return sum(
                (slope * weights[place]).sum()
                for place, slope in found.items()
                if slope is not None
            )

        def gradient(values: dict[str, Any]) -> dict[str, Any]:
            of_inputs, of_upstream = twice(case.function, *placed(values), weights)
            return {name: of_inputs[place] for name, place in inputs.items()} | {
                name: of_upstream[place] for name, place in upstream.items()
            }

        parameters = {name: case.inputs[place] for name, place in inputs.items()}
        parameters |= {name: case.cotangents[place] for name, place in upstream.items()}
        return GradientProblem(
            parameters, loss, gradient, autograd=self.problem.forward is not None
        )


Slopes = dict[int, Any]


def twice(
    function: DifferentiableFunction, inputs: list[Any], cotangents: list[Any], weights: Slopes
) -> tuple[Slopes, Slopes]:
    """Differentiate the weighted sum of the gradients by the inputs and the cotangents.

    Raises ValueError where the gradients aren't part of a graph.
    """
    places, outputs = list(weights), [k for k, up in enumerate(cotangents) if up is not None]
    if isinstance(function, JaxFunction):
        return function.twice(inputs, cotangents, weights, outputs)
    if not isinstance(function, TorchFunction):
        raise ValueError(NO_GRAPH)
    import torch

    leaves, given = list(inputs), list(cotangents)
    for place in places:
        leaves[place] = inputs[place].detach().clone().requires_grad_()
    for k in outputs:
        given[k] = cotangents[k].detach().clone().requires_grad_()
    of = [leaves[place] for place in places]
    wanted = [*of, *(given[k] for k in outputs)]

    def passes() -> tuple[Any, ...]:
        with torch.enable_grad():
            found = function.call(leaves)
            slopes = torch.autograd.grad(
                [found[k] for k in outputs],
                of,
                [given[k] for k in outputs],
                create_graph=True,
                allow_unused=True,
            )
            terms = [
                (slope * weights[place]).sum()
                for place, slope in zip(places, slopes, strict=True)
                if slope is not None and slope.requires_grad
            ]
        if not terms:
            raise ValueError(DETACHED)
        total: Any = sum(terms)
        result = torch.autograd.grad(total, wanted, allow_unused=True, retain_graph=True)
        if any(slope is None for slope in result):
            # torch doesn't run the nodes that lead to no input: this runs those that raise.
            total.backward()
        return result

    result = function.holding(leaves, passes)
    split = len(places)
    return dict(zip(places, result[:split], strict=True)), dict(
        zip(outputs, result[split:], strict=True)
    )


def plain_gradients(
    forward: Any,
    arguments: Arguments,
    inputs: list[Any],
    cotangents: list[Any],
    places: list[int],
) -> Slopes:
    """Return the gradients of a plain forward function, in a graph if the inputs are in one."""
    import torch

    leaves = list(inputs)
    for place in places:
        if not leaves[place].requires_grad:
            leaves[place] = leaves[place].detach().requires_grad_()
    with torch.enable_grad():
        found = flat(forward(*arguments.given(leaves)))
        used = [k for k, up in enumerate(cotangents) if up is not None]
        slopes = torch.autograd.grad(
            [found[k] for k in used],
            [leaves[place] for place in places],
            [cotangents[k] for k in used],
            create_graph=True,
            allow_unused=True,
        )
    return dict(zip(places, slopes, strict=True))


def second_order(factory: ProblemFactory, settings: Settings, case: Case) -> CheckResult:
    """Verify the gradient of the gradient by a search; first at one case, whether there is any."""
    problem: Any = factory.function
    maker = SecondOrder(problem)
    try:
        if BackwardCase(problem, case, settings.time_limit).is_complex:
            return CheckResult(NAME, REFUSED, COMPLEX)
        one = maker(np.random.default_rng(case.seed), **case.sizes)
        call("double backward", one.gradient, one.parameters, limit=settings.time_limit)
    except CaseError as trouble:
        message = trouble.message
        if ONCE in message:
            message = f"the backward pass is marked with {ONCE}: it has no gradient"
        elif NO_GRAPH in message:
            message = NO_GRAPH
        elif DETACHED in message:
            message = f"the backward pass can't be differentiated: {DETACHED}"
        return CheckResult(NAME, FAILED, f"{message}, at {case}")
    few = replace(
        settings,
        cases=min(settings.cases, MOST_CASES),
        budget=max(settings.budget * OF_THE_BUDGET, LEAST_SECONDS),
    )
    try:
        report = verify(ProblemFactory(maker, factory.size_names, factory.target), few)
    except InputError as error:
        return CheckResult(NAME, REFUSED, str(error))
    return _summarised(report)


def _summarised(report: Report) -> CheckResult:
    oracles = " and ".join(report.tally("oracle"))
    smallest = report.smallest
    if smallest is not None:
        wrong = smallest.named(case_result.WRONG)
        if not wrong:
            return CheckResult(NAME, FAILED, f"{smallest.message}, at {smallest.case}")
        found = smallest.findings[wrong[0]]
        computed, expected = found.worst_values
        place = ", ".join(map(str, found.worst))
        message = (
            f"the gradient of the gradient is wrong in {', '.join(wrong)}: {wrong[0]}[{place}] is "
            f"{computed:.6g}, expected {expected:.6g} by {oracles}, at {smallest.case}"
        )
        return CheckResult(NAME, FAILED, message, picture=found)
    if report.exit_status != 0 or not report.digits:
        return CheckResult(NAME, REFUSED, f"{report.verdict} by {oracles or 'no oracle'}")
    worst = min(worst for worst, _ in report.digits.values())
    message = f"at least {worst:.1f} digits in {len(report.results)} cases, by {oracles}"
    return CheckResult(NAME, PASSED, message)
