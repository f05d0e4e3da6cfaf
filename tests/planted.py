"""Plants wrong lines in the backward passes, one at a time, and asks the property tests.

    python -m tests.planted [numpy] [torch-float64] [torch-float32]

Prints a table of what was planted and which test saw it. Exit status 1 when one went unseen.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
COPIED = ("reference", "torch_impl", "bptt", "tests", "pyproject.toml")
FILES = {
    "numpy": "reference/rnn.py",
    "torch-float64": "torch_impl/rnn.py",
    "torch-float32": "torch_impl/rnn.py",
}
# What stands in both twins; where their spelling differs, {outer} and {clip} stand for it.
SPELLING = {
    "numpy": {"outer": "{0}.dot({1}.T)", "clip": "np.clip", "infinity": "np.inf"},
    "torch": {"outer": "{0} @ {1}.T", "clip": "torch.clamp", "infinity": "float('inf')"},
}


@dataclass(frozen=True)
class Edit:
    """A wrong line: what stands in the source, and what is put in its place."""

    name: str
    old: str
    new: str


def edits(engine: str) -> list[Edit]:
    spelling = SPELLING["numpy" if engine == "numpy" else "torch"]

    def outer(left: str, right: str) -> str:
        return spelling["outer"].format(left, right)

    clip, infinity = spelling["clip"], spelling["infinity"]
    clipped = "for gradient in (dWhx_x, dWha, dWya, dbh, dby):"
    clipping = f"{clip}(gradient, -clip, clip, out=gradient)"
    step = "da_next = backward_step(parameters, gradients, trace, t, da_next, clip)"
    return [
        Edit("the input's entry lowered, not the target's", "dz[y] -= 1.0", "dz[x] -= 1.0"),
        Edit("one-hot target added", "dz[y] -= 1.0", "dz[y] += 1.0"),
        Edit("one-hot target of 0.999", "dz[y] -= 1.0", "dz[y] -= 0.999"),
        Edit("target forgotten", "    dz[y] -= 1.0", "    pass"),
        Edit("probabilities one step off", "trace.probabilities[t]", "trace.probabilities[t - 1]"),
        Edit("Wya: state one step off", f"dWya += {outer('dz', 'a')}", f"dWya += {outer('dz', 'state')}"),
        Edit("Wya: = for +=", "dWya += ", "dWya[:] = "),
        Edit("Wya: factor 1.001", f"dWya += {outer('dz', 'a')}", f"dWya += 1.001 * ({outer('dz', 'a')})"),
        Edit("Wya: sign", "dWya += ", "dWya -= "),
        Edit("by forgotten", "    dby += dz", "    pass"),
        Edit("by: = for +=", "dby += dz", "dby[:] = dz"),
        Edit("by: factor 1.001", "dby += dz", "dby += 1.001 * dz"),
        Edit("signal from the future dropped", "dz + da_next", "dz"),
        Edit("signal from the future subtracted", "dz + da_next", "dz - da_next"),
        Edit("signal from the future × 1.001", "dz + da_next", "dz + 1.001 * da_next"),
        Edit("signal from the output dropped", "Wya.T @ dz + da_next", "da_next"),
        Edit("1 - a", "1.0 - a**2", "1.0 - a"),
        Edit("1 + a²", "1.0 - a**2", "1.0 + a**2"),
        Edit("1 - a³", "1.0 - a**2", "1.0 - a**3"),
        Edit("slope of the state before", "1.0 - a**2", "1.0 - state**2"),
        Edit("slope of tanh forgotten", "(1.0 - a**2) * da", "1.0 * da"),
        Edit("slope of tanh × 1.001", "(1.0 - a**2)", "1.001 * (1.0 - a**2)"),
        Edit("Whx: the target's column", "dWhx[:, x : x + 1]", "dWhx[:, y : y + 1]"),
        Edit("Whx: = for +=", "dWhx_x += dh", "dWhx_x[:] = dh"),
        Edit("Whx: before the slope", "dWhx_x += dh", "dWhx_x += da"),
        Edit("Whx: factor 1.001", "dWhx_x += dh", "dWhx_x += 1.001 * dh"),
        Edit("Wha: state one step off", f"dWha += {outer('dh', 'state')}", f"dWha += {outer('dh', 'a')}"),
        Edit("Wha: transposed", f"dWha += {outer('dh', 'state')}", f"dWha += {outer('state', 'dh')}"),
        Edit("Wha: = for +=", "dWha += ", "dWha[:] = "),
        Edit("Wha: factor 1.001", f"dWha += {outer('dh', 'state')}", f"dWha += 1.001 * ({outer('dh', 'state')})"),
        Edit("bh: before the slope", "dbh += dh", "dbh += da"),
        Edit("bh forgotten", "    dbh += dh", "    pass"),
        Edit("bh: = for +=", "dbh += dh", "dbh[:] = dh"),
        Edit("initial state ignored", "trace.states[t], trace.states[t + 1]", "trace.states[t] * (t > 0), trace.states[t + 1]"),
        Edit("clip once, at the end", "if clip is not None:\n        for", "if clip is not None and t == 0:\n        for"),
        Edit("clip at every step but the last", "if clip is not None:\n        for", "if clip is not None and t > 0:\n        for"),
        Edit("clip forgotten for Whx", clipped, clipped.replace("dWhx_x, ", "")),
        Edit("clip forgotten for Wha", clipped, clipped.replace("dWha, ", "")),
        Edit("clip forgotten for Wya", clipped, clipped.replace("dWya, ", "")),
        Edit("clip forgotten for bh", clipped, clipped.replace("dbh, ", "")),
        Edit("clip forgotten for by", clipped, clipped.replace(", dby", "")),
        Edit("clip from below only", clipping, clipping.replace("clip, out", f"{infinity}, out")),
        Edit("clip at twice the bound", clipping, clipping.replace("-clip, clip", "-2 * clip, 2 * clip")),
        Edit("clip of the recurrent signal", "return Wha.T @ dh", f"return Wha.T @ dh if clip is None else {clip}(Wha.T @ dh, -clip, clip)"),
        Edit("clip of the step, not of the sum", "    dh = (1.0 - a**2) * da", f"    dh = (1.0 - a**2) * da\n    dh = dh if clip is None else {clip}(dh, -clip, clip)"),
        Edit("recurrent transpose dropped", "return Wha.T @ dh", "return Wha @ dh"),
        Edit("recurrent signal before the slope", "return Wha.T @ dh", "return Wha.T @ da"),
        Edit("recurrent signal × 1.001", "return Wha.T @ dh", "return 1.001 * (Wha.T @ dh)"),
        Edit("recurrent signal cut", "return Wha.T @ dh", "return 0.0 * dh"),
        Edit("last step's contribution lost", "reversed(range(len(trace.inputs)))", "reversed(range(len(trace.inputs) - 1))"),
        Edit("first step's contribution lost", "reversed(range(len(trace.inputs)))", "reversed(range(1, len(trace.inputs)))"),
        Edit("steps from first to last", "reversed(range(len(trace.inputs)))", "range(len(trace.inputs))"),
        Edit("final state's cotangent ignored", step, f"{step.replace('da_next, clip', 'da_next * (t < len(trace.inputs) - 1), clip')}"),
    ]  # fmt: skip


def plant(engine: str, edit: Edit | None, tests: str = "tests/test_gradients.py") -> str | None:
    """Run the property tests on a copy with the edit; return the first that fails, if one does.

    Raises ValueError when what should be replaced doesn't stand in the source exactly once.
    """
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for part in COPIED:
            source = ROOT / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / part)
        if edit is not None:
            file = copy / FILES[engine]
            source = file.read_text()
            backward = source.index("def backward_step(")
            if source.count(edit.old, backward) != 1:
                raise ValueError(
                    f"{edit.old!r} stands {source.count(edit.old)} times in {file.name}"
                )
            file.write_text(source[:backward] + source[backward:].replace(edit.old, edit.new))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", tests],
            cwd=copy,
            env=os.environ | {"BPTT_TEST_ENGINE": engine, "HYPOTHESIS_PROFILE": "planted"},
            capture_output=True,
            text=True,
        )
    if done.returncode == 0:
        return None
    failed = re.search(r"^FAILED \S+::(\w+)", done.stdout, re.MULTILINE)
    if failed is None:
        raise RuntimeError(f"the tests did not run: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failed[1]


def main(engines: list[str]) -> int:
    console = Console()
    chosen = engines or ["numpy", "torch-float64"]
    unseen = 0
    for engine in chosen:
        if plant(engine, None) is not None:
            raise RuntimeError(f"the tests fail for {engine} with nothing planted")
        planted = edits(engine)
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
    sys.exit(main(sys.argv[1:]))
