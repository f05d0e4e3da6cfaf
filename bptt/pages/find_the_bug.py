"""The page of `bptt find-the-bug`: a backward pass with one wrong line; the reader names it."""

from collections.abc import Sequence

import numpy as np

from reference import Vocabulary

from ..engines.names import PARAMETER_NAMES
from . import exercises
from .document import document, rounded
from .exercises import Exercise

BLOCK = 5  # iterations; the curves are the mean losses of consecutive blocks
DIGITS = 5  # of computed and expected entries, significant ones

BODY = """
<header>
<h1>Find the bug</h1>
<p>A small recurrent network has learned from the lines below, back-propagation through time written
by hand. One line is wrong. Choose it. The code is that of <code>reference/rnn.py</code>, with its
line numbers.</p>
<p class="soft">Keyboard: <kbd>Tab</kbd> or <kbd>↑</kbd> <kbd>↓</kbd> go from line to line,
<kbd>Enter</kbd> chooses, <kbd>←</kbd> <kbd>→</kbd> change the exercise.</p>
</header>
<nav class="bar" aria-label="Exercises">
<button type="button" id="previous">← Previous</button>
<span id="progress"></span>
<button type="button" id="next">Next →</button>
</nav>
<p id="score" class="soft"></p>
<main class="columns">
<section aria-labelledby="title">
<h2 id="title"></h2>
<ol id="code" class="code"></ol>
<div id="feedback" role="status" aria-live="polite"></div>
<p><button type="button" id="reveal">Show the line</button></p>
</section>
<section aria-label="What the wrong line does">
<h2>Loss while it trains, in bits per character</h2>
<div id="losses"></div>
<h2>Error by lag</h2>
<p class="soft">Only the last target counts, and the window has <i>lag</i> + 1 steps. The largest
error of each gradient, over its largest entry; “state” is the gradient handed back to the state
before the window.</p>
<div id="lags"></div>
<h2>Error by entry</h2>
<p class="soft">The gradient of a whole window, compared with autograd's: right entries are green,
wrong ones red, the stronger the larger the error. Point at an entry, or focus a map and use the
arrow keys.</p>
<p id="reading" class="reading" aria-live="polite"></p>
<div id="entries" class="maps"></div>
</section>
</main>
<footer class="soft"><p id="made"></p></footer>
"""


def find_the_bug(made: Sequence[Exercise]) -> str:
    """Return the page's HTML.

    >>> from bptt.pages import exercises, mistakes
    >>> html = find_the_bug(exercises.make(mistakes.MISTAKES))
    """
    first = exercises.source()[1]
    shapes = {name: value.shape for name, value in made[0].measurement.expected.items()}
    data = {
        "symbols": list(Vocabulary.from_text(exercises.TEXT).symbols),
        "shapes": {name: list(shape) for name, shape in shapes.items()},
        "sizes": {"H": exercises.H, "T": exercises.T, "measuredAt": exercises.MEASURED_AT},
        "right": exercises.RIGHT,
        "block": BLOCK,
        "iterations": exercises.ITERATIONS,
        "first": first,
        "expected": {
            str(one.mistake.clip): _entries(one.measurement.expected, DIGITS) for one in made
        },
        "rightLosses": {str(one.mistake.clip): blocks(one.right_losses) for one in made},
        "exercises": [_exercise(one) for one in made],
    }
    return document("Find the bug", BODY, data, ["drawing.js", "find_the_bug.js"])


def _exercise(made: Exercise) -> dict:
    mistake, found = made.mistake, made.measurement
    return {
        "clip": str(mistake.clip),
        "code": made.body,
        "line": made.line,
        "right": mistake.right,
        "hint": mistake.hint,
        "why": mistake.why,
        "losses": blocks(made.losses),
        "computed": _entries(found.computed, DIGITS),
        "errors": _entries(found.errors, 2),
        "lags": {name: rounded(errors, 2) for name, errors in found.lags.items()},
    }


def _entries(values: dict[str, np.ndarray], digits: int) -> dict[str, list[float]]:
    return {name: rounded(values[name], digits) for name in PARAMETER_NAMES}


def blocks(losses: Sequence[float]) -> list[float]:
    """Return the mean losses of consecutive whole blocks, to four decimals.

    >>> blocks([3.0] * 5 + [2.0] * 7)
    [3.0, 2.0]
    """
    whole = len(losses) // BLOCK * BLOCK
    means = np.reshape(losses[:whole], (-1, BLOCK)).mean(axis=1)
    return [round(float(mean), 4) for mean in means]
