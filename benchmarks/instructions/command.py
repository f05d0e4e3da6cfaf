"""`python -m benchmarks instructions`: instructions per iteration, counted by valgrind."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bptt.errors import InputError
from bptt.text import corpora

from ..harness.absence import AbsentError
from ..harness.arena import Remote, last_line
from ..harness.callgrind import PROCESSOR, command
from ..harness.folder import prepared
from ..harness.machine import describe
from ..harness.process import FailedError, Process
from ..harness.profiles import QUICK, Profile
from ..harness.progress import Progress
from ..harness.registry import LAYER, TRAINING, Engine, names
from ..problems.differences import Difference, worst
from ..problems.layer import LayerProblem
from ..report.tables import markdown_table
from ..speed import chosen
from ..workloads import layer, training

INTRODUCTION = """# Instructions

Counted by valgrind, one thread: those of 2 N units less those of N, over N. A busy machine hardly
changes them, but they are no times: they don't know of caches, or of how many
instructions a processor executes at once. valgrind emulates a processor with AVX2, so they are
those of each engine's code for AVX2, whatever this machine has. Results are compared with the
oracle's first.
"""
WORKLOADS = ("training", "layer")
OURS = ("fast", "passes")
# torch.compile's C++ is compiled for the real processor, which valgrind can't emulate.
LEFT_OUT = ("nn.RNN-compiled",)

Check = Callable[[Engine, Any], Iterable[Difference]]


@dataclass(frozen=True)
class Task:
    """A problem to run `units` and 2 `units` times, and how its results are checked."""

    title: str
    unit: str
    engines: tuple[Engine, ...]
    problem: Any
    check: Check
    units: int


@dataclass(frozen=True)
class Count:
    """Instructions per unit, None if `remark` says why they aren't known."""

    engine: str
    description: str
    instructions: float | None
    remark: str = ""


def count(engine: Engine, task: Task) -> float:
    """Return the instructions of one unit: those of 2 N units less those of N, over N.

    The first process, without valgrind, checks the engine and leaves compiled kernels in the cache.
    Raises AbsentError, or FailedError if it fails or its results are wrong in either process.
    """
    with Process(threads=1, extra=PROCESSOR) as process:
        _make(process, engine, task)
    with tempfile.TemporaryDirectory(prefix="callgrind-") as folder:
        before, extra = command(Path(folder))
        with Process(threads=1, extra=extra, before=before) as process:
            _make(process, engine, task)
            few, many = (process.ask("instructions", n * task.units) for n in (1, 2))
    return (many - few) / task.units


def _make(process: Process, engine: Engine, task: Task) -> None:
    process.ask("make", engine.subject, task.problem)
    found = worst(task.check(engine, Remote(process)))
    if not found.agrees:
        raise FailedError(f"refused: {found}")
    process.ask("time", task.units)  # compiles for this number of units, where that matters
    process.ask("time", 2 * task.units)


def tasks(workloads: Iterable[str], profile: Profile, text: corpora.Corpus) -> Iterator[Task]:
    if "training" in workloads:
        base = training.problem(profile, text)
        for dtype in ("float64", "float32"):
            problem = replace(base, dtype=dtype)
            sizes = f"H={problem.H}, T={problem.T}, V={problem.V}"
            title = f"A training iteration, {dtype}, {sizes}"
            engines = tuple(engine for engine in TRAINING if dtype in engine.dtypes)
            yield Task(title, "iteration", engines, problem, training.check(problem), 10)
    if "layer" in workloads:
        for B in profile.layer_batches:
            for H in profile.layer_widths:
                problem = LayerProblem(profile.layer_steps, B, H)
                title = f"A layer forward and backward, float32, B={B}, H={H}, T={problem.T}"
                yield Task(title, "pass", LAYER, problem, layer.check(problem), 5)


def section(task: Task, counts: list[Count]) -> str:
    """Return a task's table, with the ratios to our engine where it was counted."""
    known = {one.engine: one.instructions for one in counts if one.instructions is not None}
    base = next((name for name in OURS if name in known), None)
    heading = ["engine", f"instructions per {task.unit}", *([f"over {base}"] if base else [])]
    rows = [
        [
            f"{one.engine}: {one.description}",
            f"{one.instructions:,.0f}",
            *([f"{one.instructions / known[base]:.2f}"] if base else []),
        ]
        for one in sorted(counts, key=lambda one: one.instructions or 0.0)
        if one.instructions is not None
    ]
    missing = [f"- {one.engine}: {one.remark}\n" for one in counts if one.instructions is None]
    return f"## {task.title}\n\n{markdown_table(heading, rows)}\n{''.join(missing)}"


def instructions(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the results go.")],
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="|".join(WORKLOADS), help="Workload (default: all); repeatable."
        ),
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option("--engine", metavar="NAME", help="Engine (default: all); repeatable."),
    ] = None,
    corpus: Annotated[
        str, typer.Option("--corpus", metavar="CORPUS", help="A text file or a built-in corpus.")
    ] = corpora.DEFAULT,
) -> None:
    """Count instructions per iteration.

    valgrind counts them, so other programs hardly disturb the result. They are of each engine's
    code for AVX2, with one thread. An engine takes a minute or more. DIR gets instructions.md and
    instructions.json.
    """
    if shutil.which("valgrind") is None:
        raise InputError("instructions are counted by valgrind, which isn't installed")
    workloads = chosen(only or [], WORKLOADS, "workload")
    wanted = set(chosen(engine or [], names(), "engine")) - set(() if engine else LEFT_OUT)
    text = corpora.load(corpus)
    folder = prepared(out)
    console = Console(highlight=False, soft_wrap=True)
    found, sections = [], [INTRODUCTION]
    with Progress(console) as progress:
        for task in tasks(workloads, QUICK, text):
            progress.head(task.title)
            counts = []
            for one in task.engines:
                if one.name in wanted:
                    counts.append(_counted(one, task))
                    progress.say(f"{one.name}: {counts[-1].instructions or counts[-1].remark}")
            if not counts:
                continue
            sections.append(section(task, counts))
            found.append({"title": task.title, "counts": [asdict(count) for count in counts]})
            content = {"machine": describe(), "corpus_sha256": text.sha256, "tasks": found}
            (folder / "instructions.json").write_text(json.dumps(content, indent=1) + "\n")
            (folder / "instructions.md").write_text("\n".join(sections))
    console.print("\n".join(sections), markup=False)


def _counted(engine: Engine, task: Task) -> Count:
    try:
        return Count(engine.name, engine.description, count(engine, task))
    except (AbsentError, FailedError) as error:
        return Count(engine.name, engine.description, None, last_line(error))
