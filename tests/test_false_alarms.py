"""Correct gradients of many kinds: the verifier must never call one wrong.

BPTT_CHECKS sets how many are drawn in the campaign (default 100,000).
"""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bptt.verify import GradientProblem
from bptt.verify.checker.checking import check_case
from bptt.verify.checker.loading import Maker, load
from bptt.verify.checker.outcome import COULD_NOT_RUN, FAILURES, RIGHT
from bptt.verify.checker.problem import Case
from bptt.verify.checker.search import SCALES
from bptt.verify.own import own_engines

EXAMPLES = Path(__file__).parent.parent / "examples"
ACTIVATIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "tanh": (np.tanh, lambda h: 1 - np.tanh(h) ** 2),
    "relu": (lambda h: np.maximum(h, 0), lambda h: (np.real(h) > 0) * 1.0),
    "abs": (np.abs, np.sign),
    "softplus": (lambda h: np.log(1 + np.exp(h)), lambda h: 1 / (1 + np.exp(-h))),
    "sine": (np.sin, np.cos),
}


def layer(name: str, dtype: str, library: str) -> Callable[..., GradientProblem]:
    """Make a recurrent layer with a squared loss: in NumPy or torch, with this activation."""
    activation, derivative = ACTIVATIONS[name]
    in_torch = {
        "tanh": torch.tanh, "relu": torch.relu, "abs": torch.abs,
        "softplus": lambda h: torch.log(1 + torch.exp(h)), "sine": torch.sin,
    }[name]  # fmt: skip

    def problem(T: int, H: int, rng: np.random.Generator) -> GradientProblem:
        x, y = (rng.standard_normal((T, H)).astype(dtype) for _ in range(2))
        parameters = {
            key: rng.standard_normal(shape).astype(dtype)
            for key, shape in (("W", (H, H)), ("U", (H, H)), ("b", (H,)))
        }

        def loss(p):
            a, total = 0 * p["b"], 0.0
            for t in range(T):
                a = activation(p["W"] @ x[t] + p["U"] @ a + p["b"])
                total = total + ((a - y[t]) ** 2).sum()
            return total

        def gradient(p):
            states, slopes = [0 * p["b"]], []
            for t in range(T):
                h = p["W"] @ x[t] + p["U"] @ states[-1] + p["b"]
                states.append(activation(h))
                slopes.append(derivative(h))
            d = {key: np.zeros_like(value) for key, value in p.items()}
            da = 0 * p["b"]
            for t in reversed(range(T)):
                dh = slopes[t] * (da + 2 * (states[t + 1] - y[t]))
                d["W"] += np.outer(dh, x[t])
                d["U"] += np.outer(dh, states[t])
                d["b"] += dh
                da = p["U"].T @ dh
            return d

        if library == "numpy":
            return GradientProblem(parameters, loss, gradient)
        xs, ys = torch.from_numpy(x), torch.from_numpy(y)

        def torch_loss(p):
            a, total = 0 * p["b"], 0.0
            for t in range(T):
                a = in_torch(p["W"] @ xs[t].to(p["b"]) + p["U"] @ a + p["b"])
                total = total + ((a - ys[t]) ** 2).sum()
            return total

        def torch_gradient(p):
            return {
                key: torch.from_numpy(value)
                for key, value in gradient({key: value.numpy() for key, value in p.items()}).items()
            }

        tensors = {key: torch.from_numpy(value) for key, value in parameters.items()}
        return GradientProblem(tensors, torch_loss, torch_gradient)

    return problem


def makers() -> list[tuple[str, Maker]]:
    """List correct problems: the examples, this project's engines, and layers of every kind."""
    found = [(cell, load(f"{EXAMPLES / cell}.py:problem")) for cell in ("gru", "lstm")]
    found += [(maker.target, maker) for maker in own_engines()]
    for name in ACTIVATIONS:
        for dtype in ("float64", "float32"):
            for library in ("numpy", "torch"):
                found.append((f"{name} {library} {dtype}", load(layer(name, dtype, library))))
    return found


def draw(checks: int, seed: int) -> tuple[Counter[tuple[str, str, str]], list[str]]:
    """Check so many drawn problems; count (oracle, dtype, verdict), and list the alarms."""
    counts: Counter[tuple[str, str, str]] = Counter()
    alarms = []
    rng = np.random.default_rng(seed)
    all_makers = makers()
    for number in range(checks):
        name, maker = all_makers[number % len(all_makers)]
        sizes = {size: int(rng.integers(1, 6)) for size in maker.size_names}
        case = Case(sizes, int(rng.integers(2**31)), float(rng.choice(SCALES)))
        outcome = check_case(maker, case, bool(rng.integers(2)), 30.0)
        counts[outcome.oracle, outcome.dtype, outcome.verdict] += 1
        if outcome.verdict in (*FAILURES, *COULD_NOT_RUN):
            alarms.append(f"{name}: {outcome}")
    return counts, alarms


def listed(counts: Counter[tuple[str, str, str]]) -> str:
    return "\n".join(
        f"{count:7d}  {oracle}, {dtype}: {verdict}"
        for (oracle, dtype, verdict), count in sorted(counts.items())
    )


def test_no_false_alarm_in_a_few_drawn_problems() -> None:
    counts, alarms = draw(42, seed=1)
    assert not alarms, "\n".join(alarms)
    verdicts = Counter(verdict for (_, _, verdict), count in counts.items() for _ in range(count))
    assert verdicts[RIGHT] > 30, listed(counts)


@pytest.mark.campaign
def test_no_false_alarm_in_a_campaign(capsys: pytest.CaptureFixture[str]) -> None:
    checks = int(os.environ.get("BPTT_CHECKS", "100000"))
    counts, alarms = draw(checks, seed=int(os.environ.get("BPTT_SEED", "0")))
    with capsys.disabled():
        print(f"\n{checks} correct problems, {len(alarms)} false alarms\n{listed(counts)}")
    assert not alarms, "\n".join(alarms)
