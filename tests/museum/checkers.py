"""Six gradient checkers at their defaults: does one raise an alarm about an exhibit?

Those that look at one input of somebody's choice get two, at the sizes at which bptt runs its
checks of layouts and contracts: from 2 and from 17.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from bptt.errors import InputError
from bptt.verify import verify_backward
from bptt.verify.backward.nested import as_tuple
from bptt.verify.checker.case_result import WRONG
from bptt.verify.checker.loading import size_names

from .adapters import Adapted, hips_primitive, jax_function, operators, torch_callable
from .exhibit import Exhibit

LOWEST_SIZES = 2, 17  # the next size is one larger


@dataclass(frozen=True)
class Opinion:
    """Whether a checker raised an alarm (None: it can't be applied), and the reason."""

    alarm: bool | None
    reason: str = ""


def bptt(exhibit: Exhibit, wrong: bool) -> Opinion:
    try:
        report = verify_backward(exhibit.make(wrong), exhibit.inputs, dtypes=exhibit.dtypes)
    except InputError as error:  # nothing could be run: the message says why
        return Opinion(True, str(error))
    if report.exit_status == 0:
        return Opinion(False, report.headline)
    if report.verdict == WRONG:
        return Opinion(True, "values")
    failed = [check.name for check in report.failed_checks]
    trouble = next((message for _, message in report.troubles), report.headline)
    return Opinion(True, ", ".join(failed) or trouble)


def gradcheck_slow(exhibit: Exhibit, wrong: bool) -> Opinion:
    return _first_alarm(
        _by_gradcheck(adapted, fast=False) for adapted in _at_two_sizes(exhibit, wrong)
    )


def gradcheck_fast(exhibit: Exhibit, wrong: bool) -> Opinion:
    return _first_alarm(
        _by_gradcheck(adapted, fast=True) for adapted in _at_two_sizes(exhibit, wrong)
    )


def _by_gradcheck(adapted: Adapted, fast: bool) -> Opinion:
    run, inputs = torch_callable(adapted)
    return _unless_raised(lambda: torch.autograd.gradcheck(run, inputs, fast_mode=fast))


def opcheck(exhibit: Exhibit, wrong: bool) -> Opinion:
    """Check the function as a custom operator, and its backward pass as another one."""
    return _first_alarm(
        _unless_raised(lambda both=both: torch.library.opcheck(*both))
        for adapted in _at_two_sizes(exhibit, wrong)
        for both in operators(adapted)
    )


def jax_check_grads(exhibit: Exhibit, wrong: bool) -> Opinion:
    if find_spec("jax") is None:
        return Opinion(None, "JAX is not installed")
    import jax  # pyright: ignore[reportMissingImports]  # an extra
    from jax.test_util import check_grads  # pyright: ignore[reportMissingImports]

    jax.config.update("jax_enable_x64", True)
    return _first_alarm(
        _unless_raised(
            lambda a=adapted: check_grads(jax_function(a), a.values, order=1, modes=["rev"])
        )
        for adapted in _at_two_sizes(exhibit, wrong)
    )


def hips_check_grads(exhibit: Exhibit, wrong: bool) -> Opinion:
    if find_spec("autograd") is None:
        return Opinion(None, "HIPS autograd is not installed")
    from autograd.test_util import check_grads  # pyright: ignore[reportMissingImports]

    def run(adapted: Adapted) -> None:
        every: Any = tuple(range(len(adapted.values)))
        check: Any = check_grads(hips_primitive(adapted), every, modes=["rev"], order=1)
        check(*adapted.values)

    return _first_alarm(
        _unless_raised(lambda a=adapted: run(a)) for adapted in _at_two_sizes(exhibit, wrong)
    )


CHECKERS: dict[str, Callable[[Exhibit, bool], Opinion]] = {
    "bptt": bptt,
    "slow": gradcheck_slow,
    "fast": gradcheck_fast,
    "opcheck": opcheck,
    "JAX": jax_check_grads,
    "HIPS": hips_check_grads,
}
TITLES = {
    "bptt": "bptt.verify.verify_backward",
    "slow": "torch.autograd.gradcheck",
    "fast": "torch.autograd.gradcheck(fast_mode=True)",
    "opcheck": "torch.library.opcheck",
    "JAX": "jax.test_util.check_grads",
    "HIPS": "autograd.test_util.check_grads",
}


def _at_two_sizes(exhibit: Exhibit, wrong: bool) -> Iterator[Adapted]:
    names = size_names(exhibit.inputs, "inputs")
    for low in LOWEST_SIZES:
        sizes = {name: low + place for place, name in enumerate(names)}
        drawn = exhibit.inputs(rng=np.random.default_rng(0), **sizes)
        yield Adapted(exhibit.make(wrong), as_tuple(drawn))


def _first_alarm(opinions: Iterator[Opinion]) -> Opinion:
    last = Opinion(False)
    for opinion in opinions:
        if opinion.alarm:
            return opinion
        last = opinion
    return last


def _unless_raised(check: Callable[[], Any]) -> Opinion:
    """A checker raises an error to say that a gradient is wrong; so does a backward pass."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            check()
        except Exception as error:
            return Opinion(True, f"{type(error).__name__}: {str(error).strip()[:300]}")
    return Opinion(False)
