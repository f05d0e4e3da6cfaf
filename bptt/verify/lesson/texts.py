"""The sentences of the hints: what is wrong, and where to look."""

from .grade import Hint

LINES = {
    "dz": "The gradient of the logits, dz = p − onehot(y)",
    "dWya": "dWya, to which each step adds dz aᵀ",
    "dby": "dby, to which each step adds dz",
    "da": "The gradient of the state, da = Wyaᵀ dz + da_next",
    "dh": "The gradient of the pre-activation, dh = (1 − a²) ∘ da",
    "dWhx": "dWhx, to whose column x each step adds dh",
    "dWha": "dWha, to which each step adds dh (state before)ᵀ",
    "dbh": "dbh, to which each step adds dh",
    "da_next": "The gradient that is handed back to the step before, da_next = Whaᵀ dh",
    "loop": "The loop over the steps",
    "clip": "The running clip",
}

SENTENCES = {
    ("dz", "one-hot added"): "you added the one-hot target; the derivative of −log p[y] subtracts 1 at y.",
    ("dz", "one-hot forgotten"): "you forgot the target: dz is p as it stands, without the 1 subtracted at y.",
    ("dz", "input's entry"): "you subtracted 1 at the input x; it belongs at the target y.",
    ("dz", "only the one-hot"): "the probabilities are missing: only the one-hot target is left.",
    ("dz", "part of the one-hot"): "you subtracted {k:.6g} at the target, not 1.",
    ("dz", "probabilities one step off"): "step t takes the probabilities of its neighbour, not its own. A window of one step can't show it.",
    ("dz", "targets one step off"): "step t takes the target of its neighbour, not its own. A window of one step can't show it.",
    ("dz", "probabilities and targets one step off"): "step t takes the probabilities and the target of its neighbour, not its own.",
    ("dWya", "state before"): "you multiplied by the state before the step; z = Wya a was computed from the state after it.",
    ("dWya", "probabilities"): "you multiplied the probabilities and not dz.",
    ("dby", "probabilities"): "you added the probabilities and not dz.",
    ("da", "future dropped"): "you lost the step back through time: da_next, the gradient of all later losses with respect to this state, isn't added.",
    ("da", "future dropped at the end"): "the da_next that the pass is given, the gradient of later windows' losses with respect to the last state, isn't used; between the steps of the window it is.",
    ("da", "future subtracted"): "da_next is subtracted; the state has two uses, and their gradients add.",
    ("da", "future scaled"): "da_next is multiplied by {k:.6g} on its way in.",
    ("da", "output dropped"): "the part from this step's own output, Wyaᵀ dz, is missing.",
    ("da", "output scaled"): "the part from this step's own output, Wyaᵀ dz, is multiplied by {k:.6g}.",
    ("dh", "1 - a"): "the slope of tanh is 1 − a², and this is 1 − a.",
    ("dh", "1 + a²"): "the slope of tanh is 1 − a², and this is 1 + a².",
    ("dh", "1 - a³"): "the slope of tanh is 1 − a², and this is 1 − a³.",
    ("dh", "a²"): "the slope of tanh is 1 − a², and this is a².",
    ("dh", "no slope"): "you forgot the slope of tanh: da passes as it is.",
    ("dh", "state before"): "the slope is taken at the state before the step; a = tanh(h) is the one after it.",
    ("dh", "slope twice"): "the slope of tanh is multiplied in twice.",
    ("dh", ""): "it is wrong, or da, from which it is made, in a way that this grader has no name for.",
    ("dh", "factor"): "it is multiplied by {k:.6g} (the slope, or all of da).",
    ("dWhx", "target's column"): "you added to the column of the target y; the input x chose the column that was used.",
    ("dWhx", "every column"): "you added to every column; only column x was used.",
    ("dWha", "state after"): "you multiplied by the state after the step; h = Wha state + … was computed from the one before it.",
    ("dWha", "transposed"): "it is transposed: row i belongs to dh[i], column j to entry j of the state before.",
    ("dWha", "initial state ignored"): "the first step's state before is the window's initial state, and you took it as zero.",
    ("da_next", "transpose dropped"): "you multiplied by Wha and not by its transpose.",
    ("da_next", "cut"): "you lost the step back through time: nothing is handed back.",
    ("da_next", "as given"): "it never changes: each step hands on what it was given.",
    ("da_next", "added to"): "it is added to the old one; each step's replaces it (its use is already in da).",
    ("da_next", "da handed back"): "you handed back da itself: it must go through the slope and through Wha.",
    ("da_next", "dh handed back"): "you handed back dh itself: it must go through Wha.",
    ("da_next", "before the slope"): "you handed back Whaᵀ da: it must go through the slope of tanh first, Whaᵀ dh.",
    ("loop", "first step lost"): "the first step of the window (t = 0) is left out.",
    ("loop", "last step lost"): "the last step of the window (t = T − 1) is left out.",
    ("loop", "steps lost"): "some steps of the window contribute nothing.",
    ("loop", "first to last"): "it runs from the first step to the last; what a step hands back must reach the step before it, so run from the last to the first.",
    ("loop", "mean"): "the gradients are divided by T; the loss is the sum over the window, not the mean.",
    ("loop", "never runs"): "no step is taken, or nothing is added in place: `dWya += …` changes the array that is returned, `dWya = dWya + …` makes another.",
    ("clip", "forgotten"): "{names}: never clipped.",
    ("clip", "at the end"): "{names}: clipped once, after the sum. The running clip acts inside it, after every step.",
    ("clip", "step, not sum"): "{names}: each step's contribution is clipped, and not the sum so far.",
    ("clip", "last step unclipped"): "{names}: not clipped after the step that is taken last, t = 0.",
    ("clip", "first clip missing"): "{names}: not clipped after the step that is taken first, t = T − 1.",
    ("clip", "before adding"): "{names}: the sum is clipped before a contribution is added, not after.",
    ("clip", "below only"): "{names}: clipped from below only; entries above the bound stay.",
    ("clip", "nothing below zero"): "{names}: clipped to 0 and the bound; negative entries are lost.",
    ("clip", "above only"): "{names}: clipped from above only; entries below minus the bound stay.",
    ("clip", "other bound"): "{names}: clipped at {k:.6g} times the bound.",
    ("clip", "first to last"): "{names}: the contributions are added from the first step to the last; the running clip adds them from the last to the first.",
    ("clip", "by norm"): "{names}: scaled down as a whole, as clipping by norm does; the running clip acts entry by entry.",
    ("clip", "recurrent gradient"): "the gradient that is handed back, da_next, is clipped. Only the five sums are: each later step's gradient passes on as it is.",
}  # fmt: skip

GENERAL = {
    "sign": "it has the wrong sign.",
    "factor": "it is multiplied by {k:.6g}.",
    "nothing added": "it stays zero. Is the line missing? `dX += …` changes the array that is returned, `dX = dX + …` makes another.",
    "before the slope": "it uses da, before the slope of tanh; it should use dh, after it.",
    "overwritten": "each step overwrites it (`=`), so only the step that is taken last is left: add with `+=`.",
    "": "it is wrong, in a way that this grader has no name for.",
}  # fmt: skip


def hint(line: str, way: str, k: float = 1.0, names: str = "") -> Hint:
    """Make a hint in words. `k` is the factor that was found, `names` the gradients it is about."""
    said = SENTENCES.get((line, way)) or GENERAL[way if way in GENERAL else ""]
    return Hint(line, way, f"{LINES[line]}: {said.format(k=k, names=names)}")
