"""Find the wrong lines of a backward pass, from what it returns for a few small windows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from . import folds, steps
from .grade import Hint
from .lines import OneStep, wrong_lines
from .texts import hint
from .ways import NOTHING
from .windows import answer, probes

STEPS = 4


def hints_for_backward(function: Callable[..., Any], *clip: float) -> list[Hint]:
    """Return hints for a pass that computes the plain gradient; none if it is right here.

    Raises NotReturned where it returns something else.
    """
    drawn = probes(1)
    one = OneStep(drawn, [answer(function, probe, *clip) for probe in drawn])
    distinct, repeated = probes(STEPS), probes(STEPS, [2] * STEPS)
    answers = [answer(function, probe, *clip) for probe in distinct]
    again = [answer(function, probe, *clip) for probe in repeated]
    if one.is_empty:
        found = steps.lost_steps(distinct, answers)
        everywhere = all(not any(value.any() for value in made.gradients) for made in answers)
        return [hint("loop", "never runs")] if everywhere else found
    found = wrong_lines(one)
    if not found:
        return steps.wrong_over_steps(distinct, answers, repeated, again)
    return [_seen_over_steps(made, lambda: (distinct, answers)) for made in found]


def _seen_over_steps(found: Hint, longer: Callable[[], tuple]) -> Hint:
    """Make a hint more precise where windows of several steps tell two mistakes apart."""
    key = found.line, found.way
    if key == ("da", "future dropped") and steps.has_future_within(*longer()):
        return hint("da", "future dropped at the end")
    if key == ("dWha", NOTHING) and steps.has_states_within(*longer()):
        return hint("dWha", "initial state ignored")
    return found


def hints_for_clip(function: Callable[..., Any]) -> list[Hint]:
    """Return hints for a pass with the running clip; none if it is right here.

    Raises NotReturned where it returns something else.
    """
    plain = hints_for_backward(function, float("inf"))
    if plain:
        folded = folds.wrong_folds(function, probes(folds.STEPS, folds.INPUTS))
        if folded and all(one.way not in ("", "recurrent gradient") for one in folded):
            return folded
        return [replace(one, text=f"Where no entry reaches the bound: {one.text}") for one in plain]
    return folds.wrong_folds(function, probes(folds.STEPS, folds.INPUTS))
