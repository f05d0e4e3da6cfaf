"""The page of `bptt watch`: a text under a network, to point at."""

import base64
from pathlib import Path
from typing import Any

import numpy as np

from ..engines.names import PARAMETER_NAMES
from ..errors import harmless
from .document import document, rounded
from .watching import Watched

MOST_LIKELY = 8  # characters shown as guesses
LEVELS = 127  # of a hidden state between 0 and 1
SPARSE = 32  # a mask in which less than one entry in 32 is set is written as a list of places

BODY = """
<header>
<h1>A network reads</h1>
<p id="about"></p>
</header>
<p class="bar"><label>Colour the text by <select id="colour">
<option value="surprise">surprise, in bits</option>
<option value="unit">one hidden unit</option>
<option value="clip">entries that the clip touches</option>
</select></label>
<label id="unit-label">Unit <input id="unit" type="number" min="0" value="0"></label></p>
<div id="text" class="text-under" role="slider" tabindex="0" aria-label="Character of the text"
 aria-valuemin="1"></div>
<p class="soft">Point at a character or tap it; with the keyboard, focus the text and use
<kbd>←</kbd> <kbd>→</kbd>, by ten with <kbd>↑</kbd> <kbd>↓</kbd>.</p>
<p id="reading" class="reading" role="status"></p>
<main class="columns">
<section>
<h2>Next character</h2>
<p class="soft">The most probable ones after the chosen character; the one that came is marked.</p>
<div id="guesses"></div>
</section>
<section>
<h2>Gradient against lag</h2>
<p class="soft">The norm of the gradient of this prediction's loss, in nats, with respect to the
hidden state <i>lag</i> steps before. Dashed: the mean over the text. Shaded: before the beginning
of the character's window, where training cuts the gradient off.</p>
<div id="norms"></div>
</section>
<section>
<h2>Hidden state</h2>
<p class="soft">A column for each character, a row for each unit: <span class="swatch cold"></span>
−1, <span class="swatch none"></span> 0, <span class="swatch hot"></span> +1. Point at one to see
its value and to colour the text by that unit.</p>
<div class="wide" id="scroll"><div class="stack"><canvas id="states" role="img"></canvas>
<div id="column" class="marker"></div><div id="row" class="marker"></div></div></div>
<p id="activation" class="reading"></p>
</section>
<section>
<h2>What the clip touches</h2>
<div id="clip"></div>
</section>
</main>
<footer class="soft"><p>Computed by the reference in float64, the whole text as one stream from the
run's initial state.</p></footer>
"""


def page(run: Path, watched: Watched) -> str:
    """Return the page's HTML; of the run's path it shows the last folder only."""
    name = harmless(run.resolve().name)
    data = contents(name, watched)
    return document(f"{name} reads", BODY, data, ["drawing.js", "watch.js"])


def contents(name: str, watched: Watched) -> dict[str, Any]:
    """Return the page's data; `name` is the run's."""
    trace, config = watched.trace, watched.config
    probabilities = trace.probabilities[:, :, 0]
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :MOST_LIKELY]
    states = np.rint(trace.states[1:, :, 0] * LEVELS).astype(np.int8)
    return {
        "run": name,
        "name": harmless(watched.name),
        "iteration": watched.iteration,
        "units": config.corpus.units,
        "symbols": list(config.vocabulary),
        "text": [*trace.inputs.tolist(), int(trace.targets[-1])],
        "hidden": config.hidden_size,
        "window": config.seq_length,
        "lanes": config.lanes,
        "levels": LEVELS,
        "states": _in_base64(states),
        "bits": rounded(trace.losses / np.log(2), 4),
        "guesses": [
            [[int(symbol), *rounded(of_step[symbol], 3)] for symbol in best]
            for of_step, best in zip(probabilities, order, strict=True)
        ],
        "lags": len(watched.norms),
        "norms": _in_base64(watched.norms.T.astype("<f4")),
        "clip": config.running_clip,
        "shapes": {
            name: list(value.shape)
            for name, value in zip(PARAMETER_NAMES, watched.parameters, strict=True)
        },
        "windows": [
            {
                "start": start,
                "perStep": found.per_step,
                "touched": {name: _marks(mask) for name, mask in found.touched.items()},
            }
            for start, found in watched.windows
        ],
    }


def _marks(mask: np.ndarray) -> list[int] | str:
    """Return the places of a few marks, row by row; of many, all bits, the lowest first."""
    places = np.flatnonzero(mask)
    if len(places) * SPARSE < mask.size:
        return places.tolist()
    return _in_base64(np.packbits(mask.ravel(), bitorder="little"))


def _in_base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
