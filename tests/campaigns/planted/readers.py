"""Cells of the lesson as a reader fills them in, right, and with other mistakes than are planted.

These mistakes were written down after the grader, without a look at what it knows: the share of
lines that it names is how well it does on mistakes that nobody prepared it for.

python -m tests.campaigns.planted.readers
"""

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from bptt.verify.lesson import grade_backward, grade_clip, grade_forward
from bptt.verify.lesson.forward_lines import hints_for_forward
from bptt.verify.lesson.grade import NotReturned
from bptt.verify.lesson.locating import hints_for_backward, hints_for_clip

FORWARD = """
def forward(parameters, inputs, targets, state):
    Whx, Wha, Wya, bh, by = parameters
    states, probabilities, losses = [state], [], []
    for x, y in zip(inputs, targets):
        h = Wha @ states[-1] + Whx[:, [x]] + bh
        a = np.tanh(h)
        z = Wya @ a + by
        p = np.exp(z) / np.exp(z).sum()
        loss = -np.log(p[y, 0])
        states.append(a)
        probabilities.append(p)
        losses.append(loss)
    return states, probabilities, losses
"""
BACKWARD = """
def backward(parameters, trace, da_next):
    Whx, Wha, Wya, bh, by = parameters
    dWhx, dWha, dWya, dbh, dby = (np.zeros_like(value) for value in parameters)
    for t in reversed(range(len(trace.inputs))):
        x, y = trace.inputs[t], trace.targets[t]
        before, a, p = trace.states[t], trace.states[t + 1], trace.probabilities[t]
        dz = p.copy()
        dz[y] -= 1
        dWya += dz @ a.T
        dby += dz
        da = Wya.T @ dz + da_next
        dh = (1 - a**2) * da
        dWhx[:, [x]] += dh
        dWha += dh @ before.T
        dbh += dh
        da_next = Wha.T @ dh
    return (dWhx, dWha, dWya, dbh, dby), da_next
"""
CLIP = BACKWARD.replace("da_next):", "da_next, bound):").replace(
    "        da_next = Wha.T @ dh\n",
    "        da_next = Wha.T @ dh\n"
    "        for total in (dWhx, dWha, dWya, dbh, dby):\n"
    "            np.clip(total, -bound, bound, out=total)\n",
)
CELLS = {"forward": FORWARD, "backward": BACKWARD, "clip": CLIP}

# Cell, what stands there, what is written in its place, and the line that the hint must name.
MISTAKES = [
    ("forward", "np.tanh(h)", "h", "a"),
    ("forward", "np.tanh(h)", "np.maximum(h, 0)", "a"),
    ("forward", "Wha @ states[-1]", "Wha @ states[0]", "a"),
    ("forward", "Wha @ states[-1]", "Wha.T @ states[-1]", "a"),
    ("forward", "Whx[:, [x]] + bh", "Whx[:, [x]]", "a"),
    ("forward", "Whx[:, [x]]", "Whx[:, [y]]", "a"),
    ("forward", "Wya @ a + by", "Wya @ a", "p"),
    ("forward", "Wya @ a", "Wya @ states[-1]", "p"),
    ("forward", " / np.exp(z).sum()", " / np.exp(z).max()", "p"),
    ("forward", "-np.log(p[y, 0])", "-np.log(p[x, 0])", "loss"),
    ("forward", "-np.log(p[y, 0])", "-np.log2(p[y, 0])", "loss"),
    ("forward", "-np.log(p[y, 0])", "np.log(p[y, 0])", "loss"),
    ("forward", "-np.log(p[y, 0])", "np.sum((p - np.eye(len(p))[:, [y]])**2)", "loss"),
    ("forward", "    return states, probabilities, losses", "    return states, losses", "returned"),
    ("backward", "dz[y] -= 1\n", "dz[y] = 1\n", "dz"),
    ("backward", "dz = p.copy()", "dz = p", "returned"),
    ("backward", "dz = p.copy()", "dz = -p", "dz"),
    ("backward", "dz[y] -= 1\n", "dz[y] -= 1; dz *= p * (1 - p)\n", "dz"),
    ("backward", "dz[y] -= 1\n", "dz[y] -= 1; dz /= len(trace.inputs)\n", "loop"),
    ("backward", "dWya += dz @ a.T", "dWya += dz @ np.abs(a).T", "dWya"),
    ("backward", "dWya += dz @ a.T", "dWya = dWya * 0.9 + dz @ a.T", "dWya"),
    ("backward", "dWya += dz @ a.T", "dWya += p @ a.T", "dWya"),
    ("backward", "dby += dz", "dby += dz.mean()", "dby"),
    ("backward", "dby += dz", "dby += dz - dz.mean() + 0.1", "dby"),
    ("backward", "Wya.T @ dz + da_next", "Wya.T @ p + da_next", "da"),
    ("backward", "Wya.T @ dz + da_next", "Wya.T @ dz * da_next", "da"),
    ("backward", "Wya.T @ dz + da_next", "Wya.T @ dz + 0.5 * da_next", "da"),
    ("backward", "Wya.T @ dz + da_next", "2 * Wya.T @ dz + da_next", "da"),
    ("backward", "Wya.T @ dz + da_next", "np.clip(Wya.T @ dz + da_next, -0.1, 0.1)", "da"),
    ("backward", "(1 - a**2)", "a * (1 - a)", "dh"),
    ("backward", "(1 - a**2)", "(1 - np.tanh(a)**2)", "dh"),
    ("backward", "(1 - a**2)", "(a**2 - 1)", "dh"),
    ("backward", "(1 - a**2) * da", "(1 - a**2) * Wya.T @ dz + da_next", "dh"),
    ("backward", "dWhx[:, [x]] += dh", "dWhx[:, [x]] -= dh", "dWhx"),
    ("backward", "dWhx[:, [x]] += dh", "dWhx += dh", "dWhx"),
    ("backward", "dWhx[:, [x]] += dh", "dWhx[:, [(x + 1) % 7]] += dh", "dWhx"),
    ("backward", "dh @ before.T", "dh @ np.maximum(before, 0).T", "dWha"),
    ("backward", "dh @ before.T", "2 * dh @ before.T", "dWha"),
    ("backward", "dh @ before.T", "dh @ trace.states[0].T", "dWha"),
    ("backward", "dbh += dh", "dbh += dz[:5]", "dbh"),
    ("backward", "dbh += dh", "dbh += 2 * dh", "dbh"),
    ("backward", "dbh += dh", "dbh = dbh + dh.mean()", "dbh"),
    ("backward", "da_next = Wha.T @ dh", "da_next += Wha.T @ dh", "da_next"),
    ("backward", "da_next = Wha.T @ dh", "da_next = dh", "da_next"),
    ("backward", "da_next = Wha.T @ dh", "da_next = Wha.T @ (dh * (1 - before**2))", "da_next"),
    ("backward", "da_next = Wha.T @ dh", "da_next = Wha.T @ dh if t % 2 else 0 * dh", "da_next"),
    ("backward", "da_next = Wha.T @ dh", "da_next = da_next", "da_next"),
    ("backward", "da_next = Wha.T @ dh\n", "da_next = Wha.T @ dh\n        break\n", "loop"),
    ("backward", "reversed(range(len(trace.inputs)))", "range(len(trace.inputs))", "loop"),
    ("backward", "    return (dWhx", "    dWha *= 1.5\n    return (dWhx", "dWha"),
    ("backward", ", da_next\n", "\n", "returned"),
    ("clip", "(dWhx, dWha, dWya, dbh, dby):\n", "(dWha, dWya):\n", "clip"),
    ("clip", "np.clip(total, -bound, bound, out=total)", "np.clip(total, 0, bound, out=total)", "clip"),
    ("clip", "np.clip(total, -bound, bound, out=total)", "np.clip(total, -5, 5, out=total)", "clip"),
    ("clip", "np.clip(total, -bound, bound, out=total)", "np.clip(total, -bound, bound)", "clip"),
    ("clip", "da_next = Wha.T @ dh\n", "da_next = np.clip(Wha.T @ dh, -bound, bound)\n", "clip"),
    ("clip", "da_next = Wha.T @ dh\n", "da_next = Wha @ dh\n", "da_next"),
]  # fmt: skip

HINTS = {"forward": hints_for_forward, "backward": hints_for_backward, "clip": hints_for_clip}
GRADES = {"forward": grade_forward, "backward": grade_backward, "clip": grade_clip}


def cell(name: str, old: str = "", new: str = "") -> Callable[..., Any]:
    """Return the function of a cell with an edit."""
    source = CELLS[name].replace(old, new) if old else CELLS[name]
    if old and source == CELLS[name]:
        raise ValueError(f"{old!r} doesn't stand in the cell {name}")
    filled: dict[str, Any] = {"np": np}
    exec(source, filled)
    return filled["forward" if name == "forward" else "backward"]


def named_line(name: str, old: str, new: str) -> tuple[str, str]:
    """Return the line that the first hint names for a mistake, and in which way it is wrong."""
    try:
        found = HINTS[name](cell(name, old, new))
    except NotReturned:
        return "returned", ""
    return (found[0].line, found[0].way) if found else ("nothing", "")


def main() -> int:
    right = 0
    for name, old, new, line in MISTAKES:
        got, way = named_line(name, old, new)
        right += got == line
        print(f"{'    ' if got == line else 'NOT '} {name}: {new.strip()!r}: {got} ({way})")
    print(f"{right} of {len(MISTAKES)} lines named right")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    sys.exit(main())
