"""Plants wrong lines in the backward passes, one at a time, and asks the property tests.

python -m tests.campaigns.planted [numpy] [torch-float64] [torch-float32] [fast-float64]
[fast-float32] [layer] [rules] [means] [--only PART OF A NAME]

Prints a table of what was planted and which test saw it. Exit status 1 when one went unseen.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.campaigns.planted import engine as engine_edits
from tests.campaigns.planted import layer, means, rules
from tests.campaigns.planted.edit import Edit

ROOT = Path(__file__).parents[3]
COPIED = ("reference", "torch_impl", "bptt", "tests", "pyproject.toml")
TESTS = (
    "tests/bptt/verify/network/test_gradients.py",
    "tests/bptt/verify/network/test_lanes.py",
    "tests/torch_impl/fast/test_long_windows.py",
)
LAYER_TESTS = (
    "tests/torch_impl/kernels/test_gemm.py",
    "tests/torch_impl/elman/test_passes.py",
    "tests/torch_impl/elman/test_layer.py",
    "tests/torch_impl/elman/test_memory.py",
    "tests/torch_impl/elman/test_outputs.py",
    "tests/torch_impl/elman/test_odd_tensors.py",
    "tests/torch_impl/elman/test_transforms.py",
    "tests/torch_impl/elman/test_threads.py",
    "tests/torch_impl/elman/test_bits.py",
)
RULES_TESTS = (
    "tests/bptt/training/test_compiled.py",
    "tests/bptt/training/test_loop.py",
    "tests/torch_impl/fast/test_threads.py",
)
MEANS_TESTS = (
    "tests/torch_impl/kernels/test_threefry.py",
    "tests/torch_impl/fast/test_dropout.py",
    "tests/torch_impl/fast/test_threads.py::test_the_number_of_threads_changes_no_bit",
    "tests/bptt/training/test_averages.py",
    "tests/bptt/training/test_compiled.py::test_own_loop_gives_the_bits_of_the_loop_from_parts",
    "tests/bptt/sessions/test_session.py::test_averages_are_what_is_validated_and_published",
    "tests/bptt/sessions/test_resume.py::test_stopped_and_resumed_run_ends_in_the_same_bytes",
)
ENGINES = (
    "numpy", "torch-float64", "torch-float32", "fast-float64", "fast-float32", "layer", "rules",
    "means"
)  # fmt: skip


OWN_TESTS = {"layer": LAYER_TESTS, "rules": RULES_TESTS, "means": MEANS_TESTS}


def edits(engine: str) -> list[Edit]:
    if engine == "layer":
        return layer.EDITS
    if engine == "rules":
        return rules.EDITS
    if engine == "means":
        return means.EDITS
    if engine.startswith("fast"):
        return engine_edits.EDITS
    folder = "reference" if engine == "numpy" else "torch_impl"
    window = window_edits("np", "dot") if engine == "numpy" else window_edits("torch", "mm")
    return [
        *(Edit(*edit, f"{folder}/rnn.py", "def backward_window(") for edit in window),
        *(Edit(*edit, f"{folder}/lanes.py", "def backward_lanes(") for edit in lanes_edits()),
    ]


def window_edits(library: str, dot: str) -> list[tuple[str, str, str]]:
    """Return names, lines and wrong lines in one window's backward pass.

    `library` is the name of NumPy or torch, `dot` its method that multiplies matrices.
    """

    def outer(left: str, right: str) -> str:
        return f"{left}.{dot}({right}.T)"

    clipped = "for gradient in (dWhx_x, dWha, dWya, dbh, dby):"
    clipping = f"{library}.clip(gradient, -clip, clip, out=gradient)"
    acts = "if clip is not None:"
    steps = "for t in reversed(range(len(trace.inputs))):"
    back = "da_next = Wha.T @ dh"
    # A window of one step is clipped as it stands, starting from zero.
    each_step_alone = (
        "from .lanes import one_step\n"
        "    for t in reversed(range(len(trace.inputs) if len(trace.inputs) > 1 else 0)):\n"
        "        own = gradients.zeros_like()\n"
        "        da_next = backward_window(parameters, own, one_step(trace, t), da_next, clip)\n"
        "        for total, value in zip(gradients, own):\n"
        "            total += value\n"
        "    if len(trace.inputs) > 1:\n"
        "        return da_next\n"
        f"    {steps}"
    )
    return [
        ("the input's entry lowered, not the target's", "dz[y] -= 1.0", "dz[x] -= 1.0"),
        ("one-hot target added", "dz[y] -= 1.0", "dz[y] += 1.0"),
        ("one-hot target of 0.999", "dz[y] -= 1.0", "dz[y] -= 0.999"),
        ("target forgotten", "    dz[y] -= 1.0", "    pass"),
        ("probabilities one step off", "trace.probabilities[t]", "trace.probabilities[t - 1]"),
        ("Wya: state one step off", f"dWya += {outer('dz', 'a')}", f"dWya += {outer('dz', 'state')}"),
        ("Wya: = for +=", "dWya += ", "dWya[:] = "),
        ("Wya: factor 1.001", f"dWya += {outer('dz', 'a')}", f"dWya += 1.001 * ({outer('dz', 'a')})"),
        ("Wya: sign", "dWya += ", "dWya -= "),
        ("by forgotten", "    dby += dz", "    pass"),
        ("by: = for +=", "dby += dz", "dby[:] = dz"),
        ("by: factor 1.001", "dby += dz", "dby += 1.001 * dz"),
        ("signal from the future dropped", "dz + da_next", "dz"),
        ("signal from the future subtracted", "dz + da_next", "dz - da_next"),
        ("signal from the future × 1.001", "dz + da_next", "dz + 1.001 * da_next"),
        ("signal from the output dropped", "Wya.T @ dz + da_next", "da_next"),
        ("1 - a", "1.0 - a**2", "1.0 - a"),
        ("1 + a²", "1.0 - a**2", "1.0 + a**2"),
        ("1 - a³", "1.0 - a**2", "1.0 - a**3"),
        ("slope of the state before", "1.0 - a**2", "1.0 - state**2"),
        ("slope of tanh forgotten", "(1.0 - a**2) * da", "1.0 * da"),
        ("slope of tanh × 1.001", "(1.0 - a**2)", "1.001 * (1.0 - a**2)"),
        ("Whx: the target's column", "dWhx_x = dWhx[:, x : x + 1]", "dWhx_x = dWhx[:, y : y + 1]"),
        ("Whx: = for +=", "dWhx_x += dh", "dWhx_x[:] = dh"),
        ("Whx: before the slope", "dWhx_x += dh", "dWhx_x += da"),
        ("Whx: factor 1.001", "dWhx_x += dh", "dWhx_x += 1.001 * dh"),
        ("Wha: state one step off", f"dWha += {outer('dh', 'state')}", f"dWha += {outer('dh', 'a')}"),
        ("Wha: transposed", f"dWha += {outer('dh', 'state')}", f"dWha += {outer('state', 'dh')}"),
        ("Wha: = for +=", "dWha += ", "dWha[:] = "),
        ("Wha: factor 1.001", f"dWha += {outer('dh', 'state')}", f"dWha += 1.001 * ({outer('dh', 'state')})"),
        ("bh: before the slope", "dbh += dh", "dbh += da"),
        ("bh forgotten", "    dbh += dh", "    pass"),
        ("bh: = for +=", "dbh += dh", "dbh[:] = dh"),
        ("initial state ignored", "trace.states[t], trace.states[t + 1]", "trace.states[t] * (t > 0), trace.states[t + 1]"),
        ("clip once, at the end", acts, "if clip is not None and t == 0:"),
        ("clip at every step but the last", acts, "if clip is not None and t > 0:"),
        ("clip forgotten for Whx", clipped, clipped.replace("dWhx_x, ", "")),
        ("clip forgotten for Wha", clipped, clipped.replace("dWha, ", "")),
        ("clip forgotten for Wya", clipped, clipped.replace("dWya, ", "")),
        ("clip forgotten for bh", clipped, clipped.replace("dbh, ", "")),
        ("clip forgotten for by", clipped, clipped.replace(", dby", "")),
        ("clip from below only", clipping, clipping.replace("clip, out", "float('inf'), out")),
        ("clip at twice the bound", clipping, clipping.replace("-clip, clip", "-2 * clip, 2 * clip")),
        ("clip of the recurrent signal", back, f"{back} if clip is None else {library}.clip(Wha.T @ dh, -clip, clip)"),
        ("clip of the step, not of the sum", steps, each_step_alone),
        ("recurrent transpose dropped", back, "da_next = Wha @ dh"),
        ("recurrent signal before the slope", back, "da_next = Wha.T @ da"),
        ("recurrent signal × 1.001", back, "da_next = 1.001 * (Wha.T @ dh)"),
        ("recurrent signal cut", back, "da_next = 0.0 * dh"),
        ("last step's contribution lost", steps, steps.replace("inputs)", "inputs) - 1")),
        ("first step's contribution lost", steps, steps.replace("range(", "range(1, ")),
        ("steps from first to last", steps, "for t in range(len(trace.inputs)):"),
        ("final state's cotangent ignored", "dz + da_next", "dz + da_next * (t < len(trace.inputs) - 1)"),
    ]  # fmt: skip


def lanes_edits() -> list[tuple[str, str, str]]:
    """Return names, lines and wrong lines in the lanes' backward pass, the same for both."""
    step = "backward_window(parameters, gradients, one_step(trace, t), da_next, clip=None)\n"
    lane = "for trace, da_next in zip(traces, da_nexts, strict=True)"
    symbols = "for trace in traces]\n            dWhx_xs"
    windows = "backward_windows(parameters, gradients, traces, [nothing] * len(traces), clip)"
    window_by_window = (
        "for trace in traces:\n"
        "        backward_windows(parameters, gradients, [trace], [nothing], clip)"
    )
    apart = (
        "for trace in traces:\n        own = parameters.zeros_like()\n"
        "        backward_windows(parameters, own, [trace], [nothing], clip)\n"
        "        for total, value in zip(gradients, own):\n            total += value"
    )
    return [
        ("lanes: clip after each lane", step, step.replace("clip=None", "clip")),
        ("lanes: each clipped alone", windows, apart),
        ("lanes: one after another", windows, window_by_window),
        ("lanes: last one left out", step, step.replace("\n", " if trace is not traces[-1] or len(traces) == 1 else da_next\n")),
        ("lanes: signals swapped", lane, lane.replace("da_nexts", "da_nexts[::-1]")),
        ("lanes: the first one's signal for all", step, step.replace("da_next", "da_nexts[0]")),
        ("lanes: Whx clipped for the first one's symbol only", symbols, symbols.replace("traces", "traces[:1]")),
        ("lanes: mean for sum", "    return gradients\n", "    return Gradients(*(value / len(traces) for value in gradients))\n"),
    ]  # fmt: skip


def plant(engine: str, edit: Edit | None) -> str | None:
    """Run the property tests on a copy with the edit; return the first that fails, if one does.

    Raises ValueError when what should be replaced doesn't stand in the source exactly once.
    """
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for part in COPIED:
            source = ROOT / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / part)
        if edit is not None:
            file = copy / edit.file
            source = file.read_text()
            begin = source.index(edit.behind)
            count = source.count(edit.old, begin)
            if count != 1:
                raise ValueError(f"{edit.old!r} stands {count} times in {file.name}")
            file.write_text(source[:begin] + source[begin:].replace(edit.old, edit.new))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-x",
                "-q",
                "-p",
                "no:cacheprovider",
                *OWN_TESTS.get(engine, ("-k", engine, *TESTS)),
            ],
            cwd=copy,
            env=os.environ | {"BPTT_TEST_ENGINE": engine, "HYPOTHESIS_PROFILE": "planted"},
            capture_output=True,
            text=True,
        )
    if done.returncode == 0:
        return None
    failed = re.search(r"^FAILED \S+::(\w+)", done.stdout, re.MULTILINE)
    if failed is None and done.returncode < 0:
        return f"signal {-done.returncode}"  # a kernel read or wrote where it must not
    if failed is None:
        raise RuntimeError(f"the tests did not run: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failed[1]


def main(engines: list[str], part: str = "") -> int:
    console = Console()
    chosen = engines or ["numpy", "torch-float64"]
    unseen = 0
    for engine in chosen:
        if plant(engine, None) is not None:
            raise RuntimeError(f"the tests fail for {engine} with nothing planted")
        planted = [edit for edit in edits(engine) if part in edit.name]
        with ThreadPoolExecutor(2) as pool:
            seen = list(pool.map(plant, [engine] * len(planted), planted))
        table = Table("planted", "seen by", title=engine, box=None, title_justify="left")
        for edit, test in zip(planted, seen, strict=True):
            table.add_row(edit.name, test or "NOBODY", style=None if test else "bold red")
        console.print(table)
        console.print(f"{engine}: {sum(test is not None for test in seen)} of {len(seen)} seen\n")
        unseen += seen.count(None)
    return 1 if unseen else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engines", nargs="*", help=f"of {', '.join(ENGINES)}")
    parser.add_argument("--only", default="", help="part of the names of what is planted")
    given = parser.parse_args()
    chosen = given.engines
    if unknown := sorted(set(chosen) - set(ENGINES)):
        parser.error(f"engines are {', '.join(ENGINES)}; got {', '.join(unknown)}")
    if not any(given.only in edit.name for engine in chosen or ENGINES for edit in edits(engine)):
        parser.error(f"expected a part of a name, got {given.only!r}")
    sys.exit(main(chosen, given.only))
