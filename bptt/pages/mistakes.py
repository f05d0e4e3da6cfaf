"""The wrong lines of the page `bptt find-the-bug`: classic mistakes of hand-written BPTT.

Each replaces one line of the body of `reference.rnn.backward_window`.
"""

from dataclasses import dataclass

NOTEBOOK_CLIP = 5.0
TIGHT_CLIP = 1.0  # for the mistakes in the clip itself, which must act to be seen


@dataclass(frozen=True)
class Mistake:
    """A wrong line.

    `right` is the line as it stands in the source, without its indentation. `hint` tells where to
    look without naming the line; `why` explains the line once it is found. `clip` is the bound of
    the running clip with which the mistake is trained and measured.
    """

    right: str
    wrong: str
    hint: str
    why: str
    clip: float = NOTEBOOK_CLIP


LOOP = "for t in reversed(range(len(trace.inputs))):"
INDICES = "x, y = int(trace.inputs[t]), int(trace.targets[t])"
VALUES = "state, a, p = trace.states[t], trace.states[t + 1], trace.probabilities[t]"
TO_HIDDEN = "da = Wya.T @ dz + da_next"
THROUGH_TANH = "dh = (1.0 - a**2) * da"
RECURRENT = "dWha += dh.dot(state.T)"
BACK = "da_next = Wha.T @ dh"

MISTAKES = (
    Mistake(
        TO_HIDDEN,
        "da = Wya.T @ dz",
        "At lag 0 everything is right. What should later steps have added to the gradient?",
        "The gradient that comes back from the later steps, da_next, is never added. Each step "
        "learns only from its own target: this is no back-propagation through time.",
    ),
    Mistake(
        "dWya += dz.dot(a.T)",
        "dWya += dz.dot(state.T)",
        "One parameter is wrong, at every lag that has a loss. Which activation made the logits?",
        "The logits are made of a, the state after the step; this line takes the one before it.",
    ),
    Mistake(
        THROUGH_TANH,
        "dh = a * (1.0 - a) * da",
        "The output layer is right, everything before the activation is wrong. What is the "
        "derivative of this network's activation?",
        "a·(1 − a) is the derivative of the logistic function. That of tanh is 1 − a².",
    ),
    Mistake(
        "dby += dz",
        "dby = dz",
        "One gradient is zero in every entry. Did anything ever write into its buffer?",
        "The assignment gives the name dby to another array. The buffer that the caller holds "
        "stays zero, and by never learns.",
    ),
    Mistake(
        RECURRENT,
        "dWha += state.dot(dh.T)",
        "One matrix is wrong almost everywhere, but its diagonal is right.",
        "The product is transposed: dWha[i, j] belongs to dh[i] and state[j]. Wha is square, so "
        "the shapes fit and nothing complains.",
    ),
    Mistake(
        BACK,
        "da_next = Wha @ dh",
        "At lag 0 the parameters are right and the gradient that is handed back is wrong. Which "
        "matrix carries it?",
        "The way back goes through the transpose of Wha. Wha is square, so the shapes fit and "
        "nothing complains.",
    ),
    Mistake(
        "dWhx_x = dWhx[:, x : x + 1]",
        "dWhx_x = dWhx[:, [x]]",
        "One gradient is zero in every entry, though a line adds to it. What does it add to?",
        "An index that is a list makes NumPy copy the column. The next line adds to the copy, and "
        "dWhx stays zero. A slice is a view.",
    ),
    Mistake(
        BACK,
        "da_next += Wha.T @ dh",
        "The first lags are right. What is handed back at one lag that belongs to an earlier one?",
        "What is handed back must replace what came from the later step. Added to it, each step's "
        "gradient reaches the earlier steps again and again, without going through Wha.",
    ),
    Mistake(
        INDICES,
        "x, y = int(trace.inputs[t]), int(trace.inputs[t])",
        "Everything is wrong, even by, whose gradient is only the sum of p − onehot(y).",
        "The network is taught to repeat the character it has just read, not to predict the next.",
    ),
    Mistake(
        THROUGH_TANH,
        "dh = (1.0 - state**2) * da",
        "The output layer is right, everything before the activation is wrong, but not by much. "
        "Where is the derivative taken?",
        "The derivative of tanh is taken at the state before the step; it belongs to a, the one "
        "after it.",
    ),
    Mistake(
        "dbh += dh",
        "dbh += da",
        "One bias is wrong and the weights beside it are right. Where does that bias act?",
        "The bias bh is added before the tanh, so its gradient is dh. da is the gradient after it.",
    ),
    Mistake(
        LOOP,
        "for t in reversed(range(1, len(trace.inputs))):",
        "Look at the longest way back, and at the single step of lag 0.",
        "The first step of the window is left out. At lag 0, where that is the only step, nothing "
        "is computed at all.",
    ),
    Mistake(
        VALUES,
        "state, a, p = trace.states[t - 1], trace.states[t + 1], trace.probabilities[t]",
        "One matrix is wrong at every lag. Which array meets the gradient there?",
        "The state before step t is states[t], since states[0] is the initial one. states[t − 1] "
        "is a step too early, and at t = 0 it is the last, without an error.",
    ),
    Mistake(
        BACK,
        "da_next = Wha.T @ da",
        "At lag 0 the parameters are right and the gradient that is handed back is wrong, a bit "
        "more at each lag.",
        "On the way back the gradient must pass through tanh first: dh, not da. Without the factor "
        "1 − a² it doesn't shrink as it should.",
    ),
    Mistake(
        "np.clip(gradient, -clip, clip, out=gradient)",
        "np.clip(gradient, -clip, clip)",
        "One target's gradient is right at every lag, and of the whole window only some entries "
        "are wrong: the large ones.",
        "Without out=, np.clip returns a new array, and nobody keeps it. The clip never acts.",
        TIGHT_CLIP,
    ),
    Mistake(
        "for gradient in (dWhx_x, dWha, dWya, dbh, dby):",
        "for gradient in (dWhx_x, dWha, dWya):",
        "One target's gradient is right at every lag. Of the whole window some entries are wrong, "
        "in two parameters only.",
        "The clip leaves out both biases. Whether that matters depends on how large their "
        "gradients become: here, it does.",
        TIGHT_CLIP,
    ),
)
