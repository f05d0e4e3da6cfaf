"""Every number of the chapter, computed while the site is built.

Each public name here may stand in an expression on a page; see `values`. The numbers are the same
on every machine: what its rounding decides is given as a bound.
"""

import numpy as np
import torch

import reference
from bptt.verify.network import autograd, complex_step, differences
from reference import Gradients, Parameters, Trace
from torch_impl import convert

from . import trainings
from .trainings import CLIP, one_window, plain, right, trained, trained_by, windows

H, T, V, WINDOWS = trainings.H, trainings.T, trainings.V, trainings.WINDOWS
BOUNDS = (1e-14, 1e-10, 1e-6, 1e-2)  # rounding errors are compared with these


def wrong_curves() -> str:
    """Compare the losses of training with the right gradient and with wrong ones."""
    rows = ["| gradient | first 100 windows | last 300 windows |", "|---|---:|---:|"]
    lower = 0
    for name, gradient in (
        ("right", right),
        ("nothing goes back through time", trainings.without_time),
        ("dWha ten times as large", trainings.ten_times),
        ("dWha always zero", trainings.without_recurrent),
    ):
        losses = trained()[2] if gradient is right else trained_by(gradient)[2]
        bits = losses / (T * np.log(2))
        if not bits[-300:].mean() < bits[:100].mean() < np.log2(V):
            raise ValueError(f"the chapter says that every loss falls, but not with: {name}")
        lower += losses[:100].mean() < trained()[2][:100].mean()
        rows.append(f"| {name} | {bits[:100].mean():.2f} | {bits[-300:].mean():.2f} |")
    if lower != 2:
        raise ValueError(f"the chapter says that two losses are lower at first, but {lower} are")
    return "\n".join(rows)


def untrained_bits() -> str:
    return f"{np.log2(V):.2f}"


def chaos() -> str:
    """Train twice from weights that differ by 1e-15; compare the weights."""
    start = reference.initialize_parameters(vocab_size=V, hidden_size=H)
    moved = start.copy()
    moved.Wha[0, 0] += 1e-15
    rows = ["| after windows | largest difference of a weight |", "|---:|---:|"]
    for count in (1, 5, 10, 20, 50, 200):
        one, other = (trained_by(right, own, count)[0] for own in (start, moved))
        largest = max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))
        rows.append(f"| {count} | {largest:.0e} |")
    return "\n".join(rows)


def norm_by_lag(parameters: Parameters, trace: Trace) -> list[float]:
    """Return |∂L_t / ∂a_(t − k)| for the last step t and k = 0, 1, 2 …"""
    t = len(trace.inputs) - 1
    dz = trace.probabilities[t].copy()
    dz[trace.targets[t]] -= 1.0
    da, norms = parameters.Wya.T @ dz, []
    for k in range(t + 1):
        norms.append(float(np.linalg.norm(da)))
        da = parameters.Wha.T @ ((1.0 - trace.states[t + 1 - k] ** 2) * da)
    return norms


def lags() -> str:
    """Tabulate the norm against the lag, at the initial and at the trained weights."""
    parameters, trace = one_window()
    first = reference.initialize_parameters(vocab_size=V, hidden_size=H)
    at_first = reference.forward(first, trace.inputs, trace.targets, np.zeros((H, 1)))
    columns = [norm_by_lag(first, at_first), norm_by_lag(parameters, trace)]
    rows = ["| steps back k | initial weights | trained weights |", "|---:|---:|---:|"]
    for k in (0, 1, 2, 5, 10, 20, 34):
        rows.append("| " + " | ".join([str(k), *(f"{c[k] / c[0]:.1e}" for c in columns)]) + " |")
    return "\n".join(rows)


def cut_at_the_window() -> str:
    """Return, in percent, how far a window's gradient is from that with the window before it.

    Both are gradients of the second window's loss; only one goes back into the first.
    """
    parameters, state, _ = trained()
    (x0, y0), (x1, y1) = list(windows(WINDOWS + 2))[-2:]
    before = reference.forward(parameters, x0, y0, state)
    trace = reference.forward(parameters, x1, y1, before.final_state)
    cut = parameters.zeros_like()
    handed = reference.backward_window(parameters, cut, trace, np.zeros((H, 1)), None)
    whole = cut.copy()
    # The first window's own losses don't count: its targets are taken as certain.
    silent = Trace(
        before.inputs, before.targets, before.states,
        np.stack([np.eye(V)[:, [y]] for y in before.targets]), before.losses,
    )  # fmt: skip
    reference.backward_window(parameters, whole, silent, handed, None)
    difference = np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(cut, whole, strict=True)))
    size = np.sqrt(sum((value**2).sum() for value in whole))
    return f"{100 * difference / size:.2g} %"


def mean_lag() -> str:
    return f"{np.mean([t + 1 for t in range(T)]):.0f}"


def fold(terms: list[float], bound: float) -> list[float]:
    """Return the running sums, each clipped."""
    sums, total = [], np.zeros(1)
    for term in terms:
        total = np.clip(total + term, -bound, bound)
        sums.append(float(total[0]))
    return sums


def two_steps() -> str:
    """Work the two-step example: the last step contributes 12, the first −6."""
    last, first = 12.0, -6.0
    after_last, after_first = fold([last, first], CLIP)
    unclipped = last + first
    at_end = float(np.clip(unclipped, -CLIP, CLIP))
    each = float(np.clip(last, -CLIP, CLIP) + np.clip(first, -CLIP, CLIP))
    rows = [
        "| | after one step | after both |", "|---|---:|---:|",
        f"| contribution | {last:+g} | {first:+g} |",
        f"| plain sum, `clip=None` | {last:g} | {unclipped:g} |",
        f"| plain sum, clipped at the end | {last:g} | {at_end:g} |",
        f"| **running clip** | **{after_last:g}** | **{after_first:g}** |",
        f"| each contribution clipped, then added | {np.clip(last, -CLIP, CLIP):g} | {each:g} |",
    ]  # fmt: skip
    if not after_first < 0 < at_end < unclipped or fold([first, last], CLIP) != [-5.0, 5.0]:
        raise ValueError("the chapter says that the running clip changes the sign here")
    return "\n".join(rows).replace(" -", " −").replace("*-", "*−")


def clipped_windows() -> str:
    """Return how many of the first 200 windows the clip acts in."""
    acted = []

    def watched(parameters: Parameters, inputs, targets, state) -> trainings.Window:
        clipped = right(parameters, inputs, targets, state)
        free = plain(parameters, inputs, targets, state)
        pairs = zip(clipped.gradients, free.gradients, strict=True)
        acted.append(any((a != b).any() for a, b in pairs))
        return clipped

    trained_by(watched, count=200)
    return str(sum(acted))


def oracles() -> str:
    """Compare the hand-written gradient with each oracle, without a clip and with one that acts."""
    rng = np.random.default_rng(0)
    shapes = ((4, 5), (4, 4), (5, 4), (4, 1), (5, 1))
    parameters = Parameters(*(rng.standard_normal(shape) for shape in shapes))
    window = rng.integers(5, size=6), rng.integers(5, size=6), rng.uniform(-1, 1, (4, 1))
    trace = reference.forward(parameters, *window)
    tensors = convert.from_reference(parameters), *(torch.from_numpy(part) for part in window)
    bound = 0.5
    made: dict[str, tuple[Gradients, Gradients]] = {
        "autograd of the window's loss": (back(autograd.plain_gradient(*tensors)[0]),) * 2,
        "autograd, a copy per step, folded": (
            back(autograd.clipped_gradient(*tensors, None)),
            back(autograd.clipped_gradient(*tensors, bound)),
        ),
        "complex step, a copy per step, folded": (
            complex_step.plain_gradient(parameters, *window),
            complex_step.fold(complex_step.contributions(parameters, *window), bound),
        ),
        "central differences": (
            differences.plain_gradient(
                lambda own: float(reference.forward(own, *window).loss), parameters
            )[0],
        )
        * 2,
    }
    rows = ["| oracle | no clip | clip at ±0.5 |", "|---|---:|---:|"]
    for name, expected in made.items():
        own = [reference.backward(parameters, trace, clip) for clip in (None, bound)]
        cells = [worst(a, b) for a, b in zip(own, expected, strict=True)]
        rows.append(f"| {name} | {bounded(cells[0])} | {bounded(cells[1])} |")
    return "\n".join(rows)


def bounded(error: float) -> str:
    """Return the next bound above a rounding error, whose digits are the processor's; or itself."""
    bounds = [bound for bound in BOUNDS if error < bound]
    return f"below {bounds[0]:.0e}" if bounds else f"{error:.1f}"


def back(gradients) -> Gradients:
    return Gradients(*(value.numpy() for value in gradients))


def worst(computed: Gradients, expected: Gradients) -> float:
    """Return the largest difference, relative to the largest entry of its gradient."""
    return max(
        float(np.abs(a - b).max() / np.abs(b).max())
        for a, b in zip(computed, expected, strict=True)
    )
