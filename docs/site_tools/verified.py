"""What the verifier and the grader say of the chapter's examples, asked while the site is built."""

import inspect
import io
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

from rich.console import Console

import reference
from bptt.verify import Settings, verify
from bptt.verify.checker.report.terminal import show
from bptt.verify.lesson import grading

MINE = Path(__file__).parent / "mine.py"
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "write_it_yourself.ipynb"
RIGHT_LINE = 'da = p["U"].T @ dh'
WRONG_LINE = 'da = p["U"] @ dh'


PATIENCE = 3600.0  # seconds: no number of cases is to depend on the machine's speed


def mine() -> str:
    """Return the example's code, without its docstring."""
    _, code = MINE.read_text(encoding="utf-8").split("\n\n", 1)
    return f"```python\n{code}```"


def verified() -> str:
    """Return what is printed for the example as it stands."""
    return _printed(MINE.read_text(encoding="utf-8"))


def verified_with_a_mistake() -> str:
    """Return what is printed with one transpose lost."""
    source = MINE.read_text(encoding="utf-8")
    if source.count(RIGHT_LINE) != 1:
        raise ValueError(f"{RIGHT_LINE!r} must stand once in {MINE.name}")
    return _printed(source.replace(RIGHT_LINE, WRONG_LINE))


def _printed(source: str) -> str:
    names: dict = {"__name__": "mine"}
    exec(compile(source, "mine.py", "exec"), names)
    report = verify(names["problem"], Settings(budget=PATIENCE))
    file = io.StringIO()
    show(report, Console(file=file, width=76))
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    text = re.sub(r" in \d+\.\d s", "", "\n".join(lines))
    return f"```text\n{text.strip()}\n```"


def graded_without_time() -> str:
    return _graded("Wya.T @ dz + da_next", "Wya.T @ dz")


def graded_without_transpose() -> str:
    return _graded("Wha.T @ dh", "Wha @ dh")


def _graded(old: str, new: str) -> str:
    """Grade the reference's backward pass with one line changed, as the notebook's cell."""
    lines = inspect.getsource(reference.backward_window)
    if lines.count(old) != 1:
        raise ValueError(f"{old!r} must stand once in the reference's backward pass")
    names = vars(sys.modules[reference.backward_window.__module__]).copy()
    exec(lines.replace(old, new), names)

    def backward(parameters, trace, da_next):
        gradients = parameters.zeros_like()
        return gradients, names["backward_window"](parameters, gradients, trace, da_next, None)

    patient = replace(grading.SETTINGS, budget=PATIENCE)
    with mock.patch.object(grading, "SETTINGS", patient):
        text = re.sub(r" in \d+\.\d s", "", str(grading.grade_backward(backward)))
    return f"```text\n{text}\n```"


def notebook() -> str:
    """Return the notebook's cells as Markdown."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    made = []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            made.append(f"```python\n{source}\n```")
        else:
            # Its headings stand below this page's.
            made.append(re.sub(r"^#", "###", source, flags=re.MULTILINE))
    return "\n\n".join(made)
