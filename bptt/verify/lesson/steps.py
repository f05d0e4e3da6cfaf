"""What is wrong with a backward pass only where a window has several steps."""

import numpy as np

from reference import Gradients

from .grade import Hint
from .texts import hint
from .ways import Values, agree
from .windows import Answer, Probe, same

OVERWRITTEN = "overwritten"


def per_step(products: np.ndarray, states: Values) -> list[np.ndarray] | None:
    """Solve products = Σ_t v_t states_tᵀ for the v_t; None where there is no solution."""
    rows = np.hstack([*states]).T
    solved = products @ np.linalg.pinv(rows)
    if not same(solved @ rows, products):
        return None
    return [solved[:, [t]] for t in range(len(rows))]


def dz_of_steps(probe: Probe, answer: Answer) -> list[np.ndarray] | None:
    return per_step(answer.gradients.Wya, [probe.after(t) for t in range(probe.T)])


def dh_of_steps(probe: Probe, answer: Answer) -> list[np.ndarray]:
    return [answer.gradients.Whx[:, [int(x)]] for x in probe.trace.inputs]


def lost_steps(probes: list[Probe], answers: list[Answer]) -> list[Hint]:
    """Say which steps the loop leaves out, where it takes none in a window of one step."""
    lost: set[int] = set(range(probes[0].T))
    for probe, answer in zip(probes, answers, strict=True):
        taken = dz_of_steps(probe, answer) or []
        lost &= {t for t, value in enumerate(taken) if same(value, np.zeros_like(value))}
    last = probes[0].T - 1
    names = {0: "first step lost", last: "last step lost"}
    return [hint("loop", names.get(min(lost), "") if len(lost) == 1 else "steps lost")]


def has_future_within(probes: list[Probe], answers: list[Answer]) -> bool:
    """Whether the steps inside a window do hand their gradients back to each other."""
    return all(
        _handed(probe, answer, t) is not None
        and same(_handed(probe, answer, t), _back(probe, answer, t + 1))
        for probe, answer in zip(probes, answers, strict=True)
        for t in range(probe.T - 1)
    )


def has_states_within(probes: list[Probe], answers: list[Answer]) -> bool:
    """Whether dWha has what the steps after the first contribute."""
    for probe, answer in zip(probes, answers, strict=True):
        solved = per_step(answer.gradients.Wha, [probe.before(t) for t in range(probe.T)])
        own = dh_of_steps(probe, answer)
        if solved is None or not all(same(solved[t], own[t]) for t in range(1, probe.T)):
            return False
    return True


def _handed(probe: Probe, answer: Answer, t: int) -> np.ndarray:
    """Return the da_next that step t used, as its dh says."""
    own = dz_of_steps(probe, answer)
    if own is None or not same(np.sum(own, axis=0), answer.gradients.by):
        own = probe.dz  # dWya is wrong by itself
    dz = own[t]
    dh = dh_of_steps(probe, answer)[t]
    return dh / (1.0 - probe.after(t) ** 2) - probe.parameters.Wya.T @ dz


def _back(probe: Probe, answer: Answer, t: int) -> np.ndarray:
    """Return what step t hands back."""
    return probe.parameters.Wha.T @ dh_of_steps(probe, answer)[t]


def wrong_over_steps(
    distinct: list[Probe], answers: list[Answer], repeated: list[Probe], again: list[Answer]
) -> list[Hint]:
    """Return hints where each line is right in a window of one step.

    `distinct` are windows whose inputs all differ, `repeated` some with one input only.
    """
    found = _of_logits(distinct, answers)
    if not found:
        found = _of_the_chain(distinct, answers)
    found += _wrong_sums(distinct, answers)
    if not found:
        pairs = list(zip(repeated, again, strict=True))
        if all(same(answer.gradients.Whx, last(probe).Whx) for probe, answer in pairs):
            return [hint("dWhx", OVERWRITTEN)]
        if not all(same(answer.gradients.Whx, total(probe)) for probe, answer in pairs):
            return [hint("dWhx", "")]
    return found


def last(probe: Probe) -> Gradients:
    """Return the contributions of the step that a backward pass takes last, the first one."""
    return probe.contributions()[0]


def total(probe: Probe) -> np.ndarray:
    return np.sum([step.Whx for step in probe.contributions()], axis=0)


def _of_logits(probes: list[Probe], answers: list[Answer]) -> list[Hint]:
    solved = [dz_of_steps(probe, answer) for probe, answer in zip(probes, answers, strict=True)]
    own = [step for steps in solved if steps for step in steps]
    if len(own) != len(probes) * probes[0].T:
        return []
    if agree(own, [step for probe in probes for step in probe.dz]):
        return []
    if any(same(step, np.zeros_like(step)) for step in own) and agree(
        [np.sum(steps or [], axis=0) for steps in solved], [made.gradients.by for made in answers]
    ):
        return [hint("loop", "steps lost")]
    for name, shift_p, shift_y in (
        ("probabilities one step off", -1, 0), ("probabilities one step off", 1, 0),
        ("targets one step off", 0, -1), ("targets one step off", 0, 1),
        ("probabilities and targets one step off", -1, -1),
        ("probabilities and targets one step off", 1, 1),
    ):  # fmt: skip
        other = [
            probe.trace.probabilities[(t + shift_p) % probe.T]
            - probe.one_hot(int(probe.trace.targets[(t + shift_y) % probe.T]))
            for probe in probes
            for t in range(probe.T)
        ]
        # At an end of the window the neighbour may be any.
        inner = [n for n in range(len(own)) if 0 < n % probes[0].T < probes[0].T - 1]
        if agree([own[n] for n in inner], [other[n] for n in inner]):
            return [hint("dz", name)]
    T = probes[0].T
    if agree([T * one for one in own], [step for probe in probes for step in probe.dz]):
        return [hint("loop", "mean")]
    return []


def _wrong_sums(probes: list[Probe], answers: list[Answer]) -> list[Hint]:
    """Find the sums that hold what was assigned last, and those that are wrong in another way."""
    found, others = [], []
    for name in ("Wya", "by", "Wha", "bh"):
        values = [getattr(answer.gradients, name) for answer in answers]
        sums = [
            np.sum([getattr(step, name) for step in probe.contributions()], axis=0)
            for probe in probes
        ]
        if agree(values, sums):
            continue
        if agree(values, [getattr(last(probe), name) for probe in probes]):
            found.append(hint(f"d{name}", OVERWRITTEN))
        else:
            others.append(hint(f"d{name}", ""))
    # A mistake in dz or dh makes several sums wrong; one alone is wrong by its own line.
    return found or (others if len(others) == 1 else [])


def _of_the_chain(probes: list[Probe], answers: list[Answer]) -> list[Hint]:
    """Compare the da_next that each step used with what the step after it hands back."""
    T = probes[0].T
    pairs = list(zip(probes, answers, strict=True))
    used = [[_handed(probe, answer, t) for t in range(T)] for probe, answer in pairs]
    right = [
        [*(_back(probe, answer, t + 1) for t in range(T - 1)), probe.da_next]
        for probe, answer in pairs
    ]
    if all(agree(own, expected) for own, expected in zip(used, right, strict=True)):
        return []
    forward = [
        [probe.da_next, *(_back(probe, answer, t - 1) for t in range(1, T))]
        for probe, answer in pairs
    ]
    if all(agree(own, other) for own, other in zip(used, forward, strict=True)):
        return [hint("loop", "first to last")]
    nothing = [np.zeros_like(value) for value in used[0][:-1]]
    if all(agree(own[:-1], nothing) for own in used):
        return [hint("da_next", "cut")]
    if all(agree(own, [probe.da_next] * T) for own, probe in zip(used, probes, strict=True)):
        return [hint("da_next", "as given")]
    return [hint("da_next", "")]
