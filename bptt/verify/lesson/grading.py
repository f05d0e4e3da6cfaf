"""The three grades: of a forward pass, of a backward pass, and of a running clip.

V symbols, H hidden units, T characters in a window.
"""

from collections.abc import Callable
from typing import Any

from ..checker.settings import Settings
from ..checker.verifying import verify
from .forward_lines import hints_for_forward
from .grade import Grade, Hint, NotReturned
from .locating import hints_for_backward, hints_for_clip
from .problems import CLIP, backward_problem, forward_problem

# Ranges of one's own: no large cases follow, for which a reader would wait.
SETTINGS = Settings(cases=40, budget=20.0, sizes={"T": (1, 6), "H": (1, 5), "V": (1, 5)})
UNNAMED = Hint(
    "",
    "",
    "No line could be named: the verifier's words below say which gradient is wrong, and when.",
)


def grade_forward(forward: Callable[..., Any]) -> Grade:
    """Grade a forward pass over a window.

    `forward(parameters, inputs, targets, state)` takes the five parameters, which can be unpacked,
    indices of inputs and targets, and the initial state (H, 1). It returns T + 1 states (the
    initial one first), T columns of probabilities, and T losses in nats. It is right if its values
    are those of the formulas, and if the verifier finds that the gradient of its loss is the
    reference's.

        print(grade_forward(forward))

    An exception in `forward` becomes the hint.
    """
    return _grade("forward", forward, hints_for_forward, forward_problem(forward))


def grade_backward(backward: Callable[..., Any]) -> Grade:
    """Grade a backward pass over a window, without a clip.

    `backward(parameters, trace, da_next)` takes five parameters that can be unpacked, a
    `reference.Trace`, and the gradient of later losses with respect to the final state (H, 1). It
    returns the five gradients and the gradient with respect to the initial state.

        grade = grade_backward(backward)
        grade.right, grade.hint, grade.report

    An exception in `backward` becomes the hint.
    """
    return _grade("backward", backward, hints_for_backward, backward_problem(backward, None))


def grade_clip(backward: Callable[..., Any]) -> Grade:
    """Grade a backward pass with the running clip.

    As `grade_backward`, with a bound as the fourth argument: after each step, every entry of the
    five running sums is clipped to plus or minus that bound. It may be infinite.

        print(grade_clip(backward))
    """
    return _grade("clip", backward, hints_for_clip, backward_problem(backward, CLIP))


def _grade(
    cell: str,
    function: Callable[..., Any],
    hints: Callable[[Callable[..., Any]], list[Hint]],
    problem: Callable[..., Any],
) -> Grade:
    try:
        found = hints(function)
    except NotReturned as wrong:
        return Grade(cell, False, (Hint("returned", "", str(wrong)),))
    report = verify(problem, SETTINGS)
    right = not found and report.exit_status == 0
    if not right and not found:
        found = [UNNAMED]
    return Grade(cell, right, tuple(found), report)
