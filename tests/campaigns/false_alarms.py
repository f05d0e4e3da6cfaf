"""Correct gradients of many kinds, in drawn cases: the verifier must call none of them wrong.

python -m tests.campaigns.false_alarms [CASES] [SEED] [PROCESSES]      # default 100,000, 0 and 2

Prints how many got which verdict, by family, oracle and dtype, and any alarm with its case. Exit
status 1 when there was one.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from bptt.verify import GradientProblem
from bptt.verify.checker.case_result import (
    COULD_NOT_RUN,
    FAILURES,
    KINK,
    RIGHT,
    ROUNDING,
    CaseResult,
)
from bptt.verify.checker.checking import check_case
from bptt.verify.checker.loading import ProblemFactory, load
from bptt.verify.checker.problem import Case
from bptt.verify.checker.search import SCALES
from bptt.verify.network.problems import compile_kernels, own_engines

from ..bptt.verify.checker.correct import FAMILIES

CHUNK = 500  # cases handed to a process at a time
EXAMPLES = Path(__file__).parents[2] / "examples"
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


def factories() -> list[tuple[str, ProblemFactory]]:
    """List correct problems: the examples, this project's engines, and layers of every kind."""
    found = [(cell, load(f"{EXAMPLES / cell}.py:problem")) for cell in ("gru", "lstm")]
    found += [(factory.target, factory) for factory in own_engines()]
    for name in ACTIVATIONS:
        for dtype in ("float64", "float32"):
            for library in ("numpy", "torch"):
                found.append((f"{name} {library} {dtype}", load(layer(name, dtype, library))))
    return found + [(name, load(family)) for name, family in FAMILIES.items()]


def draw(cases: range, seed: int) -> Iterator[tuple[str, CaseResult]]:
    """Check drawn cases by their numbers, one of each problem after the other, with their names."""
    compile_kernels()
    problems = factories()
    for number in cases:
        rng = np.random.default_rng([seed, number])
        name, factory = problems[number % len(problems)]
        sizes = {size: int(rng.integers(1, 6)) for size in factory.size_names}
        case = Case(sizes, int(rng.integers(2**31)), float(rng.choice(SCALES)))
        yield name, check_case(factory, case, bool(rng.integers(2)), 30.0)


def is_alarm(result: CaseResult) -> bool:
    return result.verdict in (*FAILURES, *COULD_NOT_RUN)


def tabulated(counts: Counter[tuple[str, str, str, str]]) -> Table:
    """Lay out how many got which verdict, a line for each family, oracle and dtype."""
    usual = (RIGHT, ROUNDING, KINK)
    verdicts = [*usual, *sorted({verdict for *_, verdict in counts} - set(usual))]
    table = Table("family", "oracle", "dtype", *verdicts, "all", box=None)
    for column in table.columns[3:]:
        column.justify = "right"
    for kind in sorted({key[:3] for key in counts}):
        row = [counts[*kind, verdict] for verdict in verdicts]
        table.add_row(*kind, *(f"{count:,}" for count in (*row, sum(row))))
    return table


def checked(cases: range, seed: int) -> tuple[Counter[tuple[str, str, str, str]], list[str]]:
    """Count the verdicts of some cases, and describe the false alarms among them."""
    torch.set_num_threads(1)  # the arrays are tiny
    counts: Counter[tuple[str, str, str, str]] = Counter()
    alarms = []
    for name, result in draw(cases, seed):
        counts[name, result.oracle, result.dtype, result.verdict] += 1
        if is_alarm(result):
            alarms.append(f"{name}: {result}")
    return counts, alarms


def main(cases: int = 100_000, seed: int = 0, processes: int = 2) -> int:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    counts: Counter[tuple[str, str, str, str]] = Counter()
    alarms, begun = 0, time.monotonic()
    chunks = [range(low, min(low + CHUNK, cases)) for low in range(0, cases, CHUNK)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for number, (found, said) in enumerate(pool.map(checked, chunks, repeat(seed)), start=1):
            counts += found
            alarms += len(said)
            console.print(*said, sep="\n", end="\n" if said else "", markup=False)
            if number % 10 == 0 or number == len(chunks):
                minutes = (time.monotonic() - begun) / 60
                done = f"{counts.total():,} correct problems, {alarms} false alarms"
                console.print(f"{done}, {minutes:.1f} minutes")
                sys.stdout.flush()
    console.print(tabulated(counts))
    return 1 if alarms else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="?", type=int, default=100_000)
    parser.add_argument("seed", nargs="?", type=int, default=0)
    parser.add_argument("processes", nargs="?", type=int, default=2)
    sys.exit(main(**vars(parser.parse_args())))
