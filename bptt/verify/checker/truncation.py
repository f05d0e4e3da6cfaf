"""Construct a loss whose gradient is that of truncated backpropagation through time.

The truncated gradient is not the gradient of the original loss: the loss of step t is
differentiated with respect to the uses of the parameters in the K steps up to t only. Equivalently,
the use in step k contributes to the losses of the steps k to k + K - 1 only. So give each step its
own copy of the parameters. The sum of the losses up to step k + K - 1, in which only copy k varies,
has the contribution of step k as its gradient; the sum of these functions over k has the truncated
gradient at that point.
"""

from collections.abc import Callable
from typing import Any

from .calls import CaseError
from .problem import GradientProblem

Values = dict[str, Any]
Copies = list[Values]


def total(losses: Any, T: int) -> Any:
    """Return the sum of the T losses, if `loss_of_steps` returns one for each step."""
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
            "broken", f"loss_of_steps must return {T} losses, one for each step, got {len(row)}"
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

    This holds at one point; `fixed` returns its parameters, as arrays or tensors of the same kind
    as its argument.
    """

    def loss(copies: Copies) -> Any:
        still, result = fixed(copies[0]), 0.0
        for end in range(min(K, T), T + 1):
            # The last sum serves the last K steps.
            moving = range(max(0, T - K), T) if end == T else [end - K]
            given = [copies[k] if k in moving else still for k in range(T)]
            result = result + _first(loss_of_steps, given, end)
        return result

    return loss


def _first(loss_of_steps: Callable[[Copies], Any], copies: Copies, end: int) -> Any:
    """Return the sum of the first `end` losses."""
    losses = loss_of_steps(copies)
    if not _is_one(losses):
        return _sum(_row(losses, len(copies))[:end])
    return losses if end == len(copies) else total(loss_of_steps(copies[:end]), end)
