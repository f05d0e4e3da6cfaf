"""`python -m benchmarks stacks`: whole ElmanRNNs against nn.RNN, forward and backward.

Several layers, both directions, relu and packed sequences, in float32. The rounds alternate between
the two, and each round gives a ratio.
"""

import csv
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import torch
import typer
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from torch_impl import ElmanRNN

from .harness.folder import prepared
from .harness.machine import describe, load
from .harness.spread import Spread, geometric_mean, paired_ratios
from .report.tables import markdown_table, with_interval

STEPS = 64
SHORTEST = 5  # of packed sequences, in steps
KINDS: dict[str, dict[str, Any]] = {
    "1 layer": {},
    "2 layers": {"num_layers": 2},
    "4 layers": {"num_layers": 4},
    "1 layer, both directions": {"bidirectional": True},
    "2 layers, both directions": {"num_layers": 2, "bidirectional": True},
    "relu": {"nonlinearity": "relu"},
    "packed": {},
    "packed, 2 layers, both directions": {"num_layers": 2, "bidirectional": True},
}


class Case(NamedTuple):
    """A kind of layer and its sizes: B lanes, H inputs and hidden units."""

    kind: str
    B: int
    H: int
    threads: int


class Timed(NamedTuple):
    """Seconds of a pass in each round, and the share of steps that no padding takes."""

    case: Case
    ours: list[float]
    theirs: list[float]
    filled: float

    @property
    def ratios(self) -> list[float]:
        return paired_ratios(self.theirs, self.ours)


def drawn(case: Case) -> tuple[Tensor | PackedSequence, float]:
    """Return the input, the same each time, and the share of its steps that aren't padding."""
    generator = torch.Generator().manual_seed(case.B)
    if not case.kind.startswith("packed"):
        return torch.randn(STEPS, case.B, case.H, generator=generator), 1.0
    lengths = torch.randint(SHORTEST, STEPS + 1, (case.B,), generator=generator).tolist()
    rows = [torch.randn(length, case.H, generator=generator) for length in lengths]
    return pack_sequence(rows, enforce_sorted=False), sum(lengths) / (max(lengths) * case.B)


def seconds_a_pass(layer: nn.RNN, given: Tensor | PackedSequence, passes: int) -> float:
    """Run forward and backward `passes` times; return the mean seconds."""
    begun = time.perf_counter()
    for _ in range(passes):
        if isinstance(given, PackedSequence):
            data = given.data.detach().requires_grad_()
            output = layer(given._replace(data=data))[0].data
        else:
            output = layer(given.detach().requires_grad_())[0]
        output.backward(torch.ones_like(output))
    return (time.perf_counter() - begun) / passes


def measured(case: Case, rounds: int, seconds: float) -> Timed:
    """Time both layers alternately, about `seconds` in each round."""
    torch.set_num_threads(case.threads)
    theirs = nn.RNN(case.H, case.H, **KINDS[case.kind])
    ours = ElmanRNN(case.H, case.H, **KINDS[case.kind])
    ours.load_state_dict(theirs.state_dict())
    given, filled = drawn(case)
    for layer in (ours, theirs):
        seconds_a_pass(layer, given, 1)
    passes = max(1, round(seconds / seconds_a_pass(theirs, given, 1)))
    found: tuple[list[float], list[float]] = [], []
    for round_ in range(rounds):
        for place in (0, 1) if round_ % 2 else (1, 0):
            found[place].append(seconds_a_pass((ours, theirs)[place], given, passes))
    return Timed(case, *found, filled)


def tables(results: list[Timed]) -> Iterator[str]:
    """Yield a table for each number of threads, and a line that sums it up."""
    for threads in sorted({one.case.threads for one in results}):
        mine = [one for one in results if one.case.threads == threads]
        ratios = [Spread.of(one.ratios).median for one in mine]
        sizes = sorted({(one.case.B, one.case.H) for one in mine})
        by_case = {(one.case.kind, one.case.B, one.case.H): one for one in mine}
        kinds = list(dict.fromkeys(one.case.kind for one in mine))
        rows = [
            [f"{B}, {H}", *(with_interval(by_case[kind, B, H].ratios) for kind in kinds)]
            for B, H in sizes
        ]
        yield (
            f"## {threads} thread{'s' * (threads > 1)}\n\n{markdown_table(['B, H', *kinds], rows)}"
            f"\nGeometric mean {geometric_mean(ratios):.2f}, lowest {min(ratios):.2f}.\n"
        )


def stacks(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the results go.")],
    threads: Annotated[
        list[int] | None,
        typer.Option("--threads", min=1, help="Number of threads; repeatable. [default: 1 2]"),
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", min=3, metavar="N")] = 7,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.001, help="Duration of one measurement.")
    ] = 0.05,
    lanes: Annotated[
        list[int] | None,
        typer.Option("--lanes", min=1, help="Size of the batch; repeatable. [default: 1 16 64]"),
    ] = None,
    hidden: Annotated[
        list[int] | None,
        typer.Option("--hidden", min=1, help="Hidden units; repeatable. [default: 64 150 512]"),
    ] = None,
) -> None:
    """Measure ElmanRNN against nn.RNN: layers, directions, relu, packed sequences."""
    folder, before = prepared(out), load()
    cases = [
        Case(kind, B, H, count)
        for count, kind, B, H in product(
            threads or (1, 2), KINDS, lanes or (1, 16, 64), hidden or (64, 150, 512)
        )
    ]
    results = []
    with (folder / "rounds.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["kind", "B", "H", "threads", "filled", "round", "ours", "theirs"])
        for case in cases:
            one = measured(case, rounds, seconds)
            results.append(one)
            for number, times in enumerate(zip(one.ours, one.theirs, strict=True)):
                rows.writerow([*case, f"{one.filled:.3f}", number, *times])
            file.flush()
            ratio = with_interval(one.ratios)
            print(f"{case.kind}, B={case.B}, H={case.H}, {case.threads} threads: {ratio}")
    text = (
        f"# ElmanRNN against nn.RNN\n\nHow many times as long nn.RNN takes for a forward and a "
        f"backward pass: medians of {rounds} rounds with their 95 % intervals. float32, T = "
        f"{STEPS}, H inputs; packed sequences have {SHORTEST} to {STEPS} steps. "
        f"{describe()['processor']}, load {before} before and {load()} after.\n\n"
        + "\n".join(tables(results))
    )
    (folder / "stacks.md").write_text(text)
    print(text)
