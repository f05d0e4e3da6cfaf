"""Check repeated calls of a backward pass: same graph, other shapes in between, many calls."""

import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..checker.buffers import buffers_converted
from ..checker.calls import call
from ..checker.check_result import FAILED, PASSED, CheckResult
from ..checker.evaluated_problem import to_array
from .arrays import copied, far
from .comparing import difference, is_off
from .functions import NumpyPair, TorchFunction, torch_gradients
from .problem import BackwardCase

MOST_CALLS = 20_000
ENOUGH_CALLS, LONGER = 1_400, 5.0


def graph_used_twice(case: BackwardCase) -> Iterator[CheckResult]:
    """Run torch's backward pass twice through one graph: the saved tensors must be unchanged."""
    function = case.function
    if not isinstance(function, TorchFunction):
        return
    import torch

    leaves = _leaves(case)

    def twice() -> tuple[list[Any], list[str]]:
        with torch.enable_grad():
            outputs = function.call(leaves)
        used = [k for k, value in enumerate(outputs) if case.cotangents[k] is not None]
        kept = [copied(outputs[k]) for k in used]
        wanted = [leaves[place] for place in case.places]
        found = [
            # Copies: the second pass may add to what the first has returned.
            list(map(copied, torch_gradients(
                [outputs[k] for k in used],
                wanted,
                [copied(case.cotangents[k]) for k in used],
                retain=True,
            )))
            for _ in range(2)
        ]  # fmt: skip
        changed = [
            f"output {k}"
            for k, before in zip(used, kept, strict=True)
            if not torch.equal(outputs[k].detach(), before)
        ]
        return found, changed

    (first, second), changed = call(
        "backward twice", function.holding, leaves, twice, limit=case.limit
    )
    if changed:
        yield CheckResult(
            "outputs unchanged", FAILED, f"the backward pass changes {', '.join(changed)}"
        )
    for place, a, b in zip(case.places, first, second, strict=True):
        off = far(b, a)
        if is_off(off, case):
            yield CheckResult(
                "two backward passes (retain_graph)",
                FAILED,
                f"the second gradient of {case.name_of(place)} is off by {off:.2g}",
                picture=difference(case, place, b, a),
            )
            return
    yield CheckResult("two backward passes (retain_graph)", PASSED)


def values_without_gradients(case: BackwardCase) -> Iterator[CheckResult]:
    """Check that torch's forward pass gives the same values where nothing requires a gradient."""
    function = case.function
    if not isinstance(function, TorchFunction):
        return
    import torch

    def with_gradients() -> list[Any]:
        with torch.enable_grad():
            return [copied(value) for value in function.call(_leaves(case))]

    found = call("forward", with_gradients, limit=case.limit)
    for k, (value, plain) in enumerate(zip(found, case.outputs, strict=True)):
        off = far(plain, value) if case.cotangents[k] is not None else 0.0
        if is_off(off, case):
            message = f"output {k} is off by {off:.2g} if no input requires a gradient"
            yield CheckResult("values without gradients", FAILED, message)
            return
    yield CheckResult("values without gradients", PASSED)


def another_call_between(case: BackwardCase) -> Iterator[CheckResult]:
    """Call torch's forward pass for other numbers before the backward pass, as layers do."""
    function = case.function
    if not isinstance(function, TorchFunction):
        return
    import torch

    name = "another call in between"
    leaves = _leaves(case)
    others = [
        0.5 * copied(value) if place in case.places else value
        for place, value in enumerate(case.inputs)
    ]

    def between() -> tuple[Any, ...]:
        with torch.enable_grad():
            outputs = function.call(leaves)
            function.call([
                value.requires_grad_() if place in case.places else value
                for place, value in enumerate(others)
            ])  # fmt: skip
        used = [k for k in range(len(outputs)) if case.cotangents[k] is not None]
        return torch_gradients(
            [outputs[k] for k in used],
            [leaves[place] for place in case.places],
            [copied(case.cotangents[k]) for k in used],
        )

    expected = case.gradients()
    found = call(
        "backward after another forward", function.holding, leaves, between, limit=case.limit
    )
    for place, slope in zip(case.places, found, strict=True):
        off = far(slope, expected[place])
        if is_off(off, case):
            message = f"the gradient of {case.name_of(place)} is off by {off:.2g}"
            picture = difference(case, place, slope, expected[place])
            yield CheckResult(name, FAILED, message, picture=picture)
            return
    yield CheckResult(name, PASSED)


def _leaves(case: BackwardCase) -> list[Any]:
    return [
        copied(value).requires_grad_() if place in case.places else value
        for place, value in enumerate(case.inputs)
    ]


def uninitialized_memory(case: BackwardCase) -> Iterator[CheckResult]:
    """Fill newly allocated memory with NaN, and check that no gradient depends on it."""
    name = "uninitialised memory"
    # This comes before any memory is filled, since freed memory is allocated again.
    expected = {place: copied(slope) for place, slope in case.gradients().items()}
    if isinstance(case.function, TorchFunction):
        with torch_memory_filled():
            found = case.gradients()
    elif isinstance(case.function, NumpyPair):

        def poison(made: np.ndarray) -> np.ndarray:
            made.fill(np.nan)
            return made

        with buffers_converted(poison, case.function.backward, ("empty", "empty_like")):
            found = case.gradients()
    else:
        return
    for place, slope in found.items():
        if slope is None or np.isfinite(to_array(slope)).all():
            continue
        if expected[place] is not None and np.isfinite(to_array(expected[place])).all():
            message = f"the gradient of {case.name_of(place)} depends on uninitialised memory"
            yield CheckResult(name, FAILED, message)
            return
    yield CheckResult(name, PASSED)


@contextmanager
def torch_memory_filled() -> Iterator[None]:
    """Make torch fill newly allocated memory with NaN."""
    import torch

    flags: Any = torch.utils.deterministic
    # use_deterministic_algorithms would set the same, but imports torch._inductor: seconds.
    before = torch.get_deterministic_debug_mode(), flags.fill_uninitialized_memory
    try:
        torch.set_deterministic_debug_mode("warn")
        flags.fill_uninitialized_memory = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # on nondeterministic operations
            yield
    finally:
        torch.set_deterministic_debug_mode(before[0])
        flags.fill_uninitialized_memory = before[1]


def another_shape_between(case: BackwardCase, other: BackwardCase) -> Iterator[CheckResult]:
    """Call for one shape, then for another, then for the first again."""
    name = "another shape in between"
    first = {place: copied(slope) for place, slope in case.gradients().items()}
    other.gradients()
    for place, slope in case.gradients().items():
        off = far(slope, first[place])
        if is_off(off, case):
            message = f"the gradient of {case.name_of(place)} is off by {off:.2g} afterwards"
            picture = difference(case, place, slope, first[place])
            yield CheckResult(name, FAILED, message, picture=picture)
            return
    yield CheckResult(name, PASSED)


def many_calls(case: BackwardCase, seconds: float, threads: int) -> Iterator[CheckResult]:
    """Repeat the same call for a number of seconds: a race condition changes a few calls of many.

    If none of N calls differs, the probability that one does is below 3/N with 95 % confidence (the
    rule of three). Slow calls get up to five times as long, until there are enough to see one in
    300 with a probability of 99 %. They are compared with one call in this thread alone; torch then
    has `threads` of them.
    """
    first = {place: copied(slope) for place, slope in case.gradients().items()}
    calls, differing, worst, picture = 1, 0, 0.0, None
    begun = time.perf_counter()
    with torch_threads(threads):
        while calls < MOST_CALLS and time.perf_counter() - begun < (
            seconds if calls >= ENOUGH_CALLS else LONGER * seconds
        ):
            found = case.gradients()
            off, place = max((far(slope, first[place]), place) for place, slope in found.items())
            calls += 1
            if is_off(off, case):
                differing += 1
                if off > worst:
                    worst, picture = off, difference(case, place, found[place], first[place])
    odd = min(differing, calls - differing)  # the first call may itself be the different one
    if odd:
        message = f"{odd} of {calls} calls differ, by up to {worst:.2g} of the largest entry"
        yield CheckResult("many calls", FAILED, message, picture=picture)
    else:
        message = f"no differing call in {calls}: fewer than 1 in {calls // 3} (95 %)"
        yield CheckResult("many calls", PASSED, message)


@contextmanager
def torch_threads(count: int) -> Iterator[int]:
    """Let torch compute in this number of threads, in the block; give the number before."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield count
        return
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield before
    finally:
        torch.set_num_threads(before)
