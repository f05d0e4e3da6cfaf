"""Backward passes in bfloat16, float16 and float32: right ones, and with a factor near 1 planted.

python -m tests.campaigns.lower_precision [CASES] [SEARCHES] [SEED] [PROCESSES] [SECONDS]
# default 10,000 right cases, 200 searches, 0, 2 and, for the inputs that a right case draws, 4

Prints the verdicts of each family and dtype, and the factors found. Exit status 1 where a right
backward pass is called wrong, or where a factor of 1 + 2^-6 or more is missed.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from bptt.verify import BackwardProblem
from bptt.verify.backward.lower_precision.comparison import LowerPrecision
from bptt.verify.backward.problem import BackwardCase
from bptt.verify.checker.check_result import FAILED, CheckResult
from bptt.verify.checker.problem import Case

from ..bptt.verify.backward.rounded_functions import families, planted

EXAMPLES = Path(__file__).parents[2] / "examples" / "backward_passes.py"
NAMES = ["layer_norm", "attention", "causal_convolution", "cross_entropy", "scan"]
LOW = ("bfloat16", "float16")
FACTORS = (1 + 2**-6, 1 - 2**-6, 1 + 2**-5, 1 + 2**-4, 1.25)
CHUNK = 20
SECONDS = 4.0


def cases_of(problem: BackwardProblem, rng: np.random.Generator) -> list[Case]:
    """Draw small and medium sizes, and a seed."""
    seed = int(rng.integers(2**31 - 100))
    return [
        Case({name: int(rng.integers(low, high)) for name in problem.size_names}, seed)
        for low, high in ((1, 5), (8, 25))
    ]


def right(number: int, seed: int, seconds: float = SECONDS) -> tuple[str, CheckResult]:
    """Compare a right backward pass in a drawn dtype, at drawn sizes."""
    rng = np.random.default_rng([seed, number])
    chosen = list(families().items())
    name, problem = chosen[number % len(chosen)]
    dtypes = ("float32", "float16") if "NumPy" in name else ("float32", *LOW)
    dtype = str(rng.choice(dtypes))
    return name, LowerPrecision(problem, dtype, 60.0, seconds).result(cases_of(problem, rng))


def wrong(number: int, seed: int) -> tuple[str, CheckResult]:
    """Plant a factor into the gradient of a drawn input, in bfloat16 or float16."""
    rng = np.random.default_rng([seed, number, 1])
    chosen = [(n, p) for n, p in families().items() if "torch" not in n and "NumPy" not in n]
    name, problem = chosen[number % len(chosen)]
    if isinstance(problem.function, torch.nn.Module):
        name, problem = chosen[0]
    cases = [
        Case({size: low + at for at, size in enumerate(problem.size_names)}, number)
        for low in (2, 17)
    ]  # those of verify_backward
    place = int(rng.choice(BackwardCase(problem, cases[0], 60.0).places))
    factor = FACTORS[int(rng.integers(len(FACTORS)))]
    bad = planted(problem, place, factor)
    result = LowerPrecision(bad, str(rng.choice(LOW)), 60.0, SECONDS).result(cases)
    return f"{name}, input {place}, factor {factor:.4g}", result


def run_all(
    what: Callable[[int, int], tuple[str, CheckResult]], count: int, seed: int, processes: int
) -> Iterator[tuple[str, CheckResult]]:
    with ProcessPoolExecutor(processes, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        yield from pool.map(what, range(count), [seed] * count, chunksize=CHUNK)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("cases", 10_000), ("searches", 200), ("seed", 0), ("processes", 2)):
        parser.add_argument(name, nargs="?", type=int, default=default)
    parser.add_argument("seconds", nargs="?", type=float, default=SECONDS)
    given = parser.parse_args()
    begun = time.perf_counter()
    verdicts: Counter[tuple[str, str, str]] = Counter()
    alarms, missed = [], []
    one = partial(right, seconds=given.seconds)
    for name, result in run_all(one, given.cases, given.seed, given.processes):
        verdicts[name, result.name, result.verdict] += 1
        if result.verdict == FAILED:
            alarms.append(f"{name}, {result.name}: {result.message}")
    for name, result in run_all(wrong, given.searches, given.seed, given.processes):
        if result.verdict != FAILED:
            missed.append(f"{name}, {result.name}: {result.verdict}, {result.message}")
    for (name, dtype, verdict), count in sorted(verdicts.items()):
        print(f"{name:20s} {dtype:9s} {verdict:16s} {count}")
    print("\n".join([*alarms, *missed]))
    print(
        f"{len(alarms)} false alarms in {given.cases} right cases; a factor found in "
        f"{given.searches - len(missed)} of {given.searches} searches; "
        f"{time.perf_counter() - begun:.0f} s"
    )
    sys.exit(bool(alarms or missed))


if __name__ == "__main__":
    main()
