"""A loss whose gradient is the truncated one.

Truncated backpropagation through time returns no loss's gradient: the loss of step t sees the
parameters' use in the K steps up to t, and nothing before. But step k is seen by the losses of the
steps k to k + K - 1, and by their sum. So let each step have its own copy of the parameters: the
sum of the losses up to step k + K - 1, in which only copy k moves, has that step's share as its
gradient; and the sum of these functions over k has the truncated gradient, at that point.
"""

from collections.abc import Callable
from typing import Any

from .calls import CaseError
from .problem import GradientProblem

Values = dict[str, Any]
Copies = list[Values]


def total(losses: Any, T: int) -> Any:
    """Add the T steps' losses, where `loss_of_steps` returns one a step."""
    return losses if _is_one(losses) else _sum(_row(losses, T))


def _sum(row: list[Any]) -> Any:
    return sum(row[1:], row[0])


def _is_one(losses: Any) -> bool:
    if isinstance(losses, (list, tuple)):
        return False
    shape = tuple(getattr(losses, "shape", ()))
    return set(shape) <= {1}


def _row(losses: Any, T: int) -> list[Any]:
    row = list(losses)
    if len(row) != T:
        raise CaseError(
            "broken", f"loss_of_steps must return {T} losses, one a step, got {len(row)}"
        )
    return row


def check(problem: GradientProblem, T: int | None) -> None:
    """Raise CaseError where a problem's `truncate` can't be used."""
    K = problem.truncate
    if isinstance(K, bool) or not isinstance(K, int) or K < 1:
        raise CaseError("broken", f"truncate must be a number of steps, at least 1, got {K!r}")
    if T is None or problem.loss_of_steps is None:
        raise CaseError("broken", "truncate needs loss_of_steps and a size called T")
    if problem.fold is not None:
        raise CaseError("broken", "a problem has truncate or fold, not both")


def truncated(
    loss_of_steps: Callable[[Copies], Any], T: int, K: int, fixed: Callable[[Values], Values]
) -> Callable[[Copies], Any]:
    """Return a function of T copies whose gradient, copy by copy, is the truncated one.

    `fixed` returns the parameters of the point at which that holds, as arrays or tensors like those
    it is given.
    """

    def loss(copies: Copies) -> Any:
        still, result = fixed(copies[0]), 0.0
        for end in range(min(K, T), T + 1):
            # The last end is that of all steps with fewer than K after them.
            moving = range(max(0, T - K), T) if end == T else [end - K]
            given = [copies[k] if k in moving else still for k in range(T)]
            result = result + _first(loss_of_steps, given, end)
        return result

    return loss


def _first(loss_of_steps: Callable[[Copies], Any], copies: Copies, end: int) -> Any:
    """Return the sum of the first losses, as many as `end`."""
    losses = loss_of_steps(copies)
    if not _is_one(losses):
        return _sum(_row(losses, len(copies))[:end])
    return losses if end == len(copies) else total(loss_of_steps(copies[:end]), end)
