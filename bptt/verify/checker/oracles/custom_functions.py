"""Find custom backward passes, of `torch.autograd.Function`s, in the graph of a loss.

Autograd calls them, so it can't verify them: if the gradient to be verified uses the same ones,
they would be compared with themselves. Only central differences are independent of them.
"""

from ..calls import CaseError
from ..evaluated_problem import Loss, is_tensor


def custom_functions(loss: Loss) -> tuple[str, ...]:
    """Return the names of the autograd Functions in the graph of a loss, sorted."""
    if loss.device is None:
        return ()
    import torch

    values = loss.wrap(loss.point, loss.dtype)
    for value in values.values():
        value.requires_grad_()
    try:
        with torch.enable_grad():
            result = loss.evaluate(values)
    except CaseError:
        return ()
    waiting, seen, names = [result.grad_fn if is_tensor(result) else None], set(), set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            forward = getattr(node, "_forward_cls", type(node))
            names.add(forward.__name__)
        waiting += [earlier for earlier, _ in node.next_functions]
    return tuple(sorted(names))
