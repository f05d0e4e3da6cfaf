"""Does the grader of the lesson name each planted mistake? Each is entered as a reader's cell.

python -m tests.campaigns.planted.hints [PART]

Enters every edit of `reference/rnn.py`'s backward pass into the graded function, and compares the
first hint with the one that was written down here by hand: the line, and in which way it is wrong.
Prints a table and the share of right hints. Exit status 1 when one was not right.
"""

import argparse
import sys
import types
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bptt.verify.lesson import Grade, grade_backward, grade_clip
from reference import Gradients, Parameters, Trace

from .__main__ import ROOT, window_edits

Backward = Callable[..., tuple[Gradients, object]]

RIGHT = {
    "the input's entry lowered, not the target's": ("dz", "input's entry"),
    "one-hot target added": ("dz", "one-hot added"),
    "one-hot target of 0.999": ("dz", "part of the one-hot"),
    "target forgotten": ("dz", "one-hot forgotten"),
    "probabilities one step off": ("dz", "probabilities one step off"),
    "Wya: state one step off": ("dWya", "state before"),
    "Wya: = for +=": ("dWya", "overwritten"),
    "Wya: factor 1.001": ("dWya", "factor"),
    "Wya: sign": ("dWya", "sign"),
    "by forgotten": ("dby", "nothing added"),
    "by: = for +=": ("dby", "overwritten"),
    "by: factor 1.001": ("dby", "factor"),
    "signal from the future dropped": ("da", "future dropped"),
    "signal from the future subtracted": ("da", "future subtracted"),
    "signal from the future × 1.001": ("da", "future scaled"),
    "signal from the output dropped": ("da", "output dropped"),
    "1 - a": ("dh", "1 - a"),
    "1 + a²": ("dh", "1 + a²"),
    "1 - a³": ("dh", "1 - a³"),
    "slope of the state before": ("dh", "state before"),
    "slope of tanh forgotten": ("dh", "no slope"),
    "slope of tanh × 1.001": ("dh", "factor"),
    "Whx: the target's column": ("dWhx", "target's column"),
    "Whx: = for +=": ("dWhx", "overwritten"),
    "Whx: before the slope": ("dWhx", "before the slope"),
    "Whx: factor 1.001": ("dWhx", "factor"),
    "Wha: state one step off": ("dWha", "state after"),
    "Wha: transposed": ("dWha", "transposed"),
    "Wha: = for +=": ("dWha", "overwritten"),
    "Wha: factor 1.001": ("dWha", "factor"),
    "bh: before the slope": ("dbh", "before the slope"),
    "bh forgotten": ("dbh", "nothing added"),
    "bh: = for +=": ("dbh", "overwritten"),
    "initial state ignored": ("dWha", "initial state ignored"),
    "clip once, at the end": ("clip", "at the end"),
    "clip at every step but the last": ("clip", "last step unclipped"),
    "clip forgotten for Whx": ("clip", "forgotten"),
    "clip forgotten for Wha": ("clip", "forgotten"),
    "clip forgotten for Wya": ("clip", "forgotten"),
    "clip forgotten for bh": ("clip", "forgotten"),
    "clip forgotten for by": ("clip", "forgotten"),
    "clip from below only": ("clip", "below only"),
    "clip at twice the bound": ("clip", "other bound"),
    "clip of the recurrent signal": ("clip", "recurrent gradient"),
    "clip of the step, not of the sum": ("clip", "step, not sum"),
    "recurrent transpose dropped": ("da_next", "transpose dropped"),
    "recurrent signal before the slope": ("da_next", "before the slope"),
    "recurrent signal × 1.001": ("da_next", "factor"),
    "recurrent signal cut": ("da_next", "cut"),
    "last step's contribution lost": ("loop", "last step lost"),
    "first step's contribution lost": ("loop", "first step lost"),
    "steps from first to last": ("loop", "first to last"),
    "final state's cotangent ignored": ("da", "future dropped at the end"),
}
CLIPPED = {name: f"d{name.split()[-1]}" for name in RIGHT if name.startswith("clip forgotten")}


def edited(old: str, new: str) -> Backward:
    """Return the reference's backward pass with an edit, as a reader's function."""
    path = Path(ROOT) / "reference" / "rnn.py"
    source = path.read_text(encoding="utf-8")
    begin = source.index("def backward_window(")
    module = types.ModuleType("reference.edited")
    module.__package__ = "reference"
    sys.modules[module.__name__] = module  # dataclasses look themselves up
    try:
        exec(source[:begin] + source[begin:].replace(old, new), module.__dict__)
    finally:
        del sys.modules[module.__name__]

    def backward(
        parameters: Parameters, trace: Trace, da_next: object, clip: float | None = None
    ) -> tuple[Gradients, object]:
        gradients = parameters.zeros_like()
        return gradients, module.backward_window(parameters, gradients, trace, da_next, clip)

    return backward


def grades(part: str = "") -> dict[str, Grade]:
    """Grade the mistakes with `part` in their name: those of the clip as that cell, others as backward."""
    found = {}
    for name, old, new in [edit for edit in window_edits("np", "dot") if part in edit[0]]:
        grade = grade_clip if RIGHT[name][0] == "clip" else grade_backward
        found[name] = grade(edited(old, new))
    return found


def is_right(name: str, grade: Grade) -> bool:
    """Whether a mistake was seen, by the verifier too, and its first hint is the right one."""
    hint = grade.hint
    return (
        not grade.right
        and grade.report is not None
        and grade.report.exit_status == 1
        and hint is not None
        and (hint.line, hint.way) == RIGHT[name]
        and CLIPPED.get(name, "") in hint.text
    )


def main(part: str) -> int:
    console = Console()
    table = Table("planted", "hint", box=None, title_justify="left")
    graded = grades(part)
    right = [name for name, grade in graded.items() if is_right(name, grade)]
    for name, grade in graded.items():
        text = grade.hint.text if grade.hint else "none"
        table.add_row(name, escape(text), style=None if name in right else "bold red")
    console.print(table)
    unedited = edited("", "")
    spotless = grade_backward(unedited).right and grade_clip(unedited).right
    console.print(f"{len(right)} of {len(graded)} hints right; nothing planted: {spotless}")
    return 0 if len(right) == len(graded) and spotless else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", default="", help="only mistakes with this in their name")
    sys.exit(main(parser.parse_args().part))
