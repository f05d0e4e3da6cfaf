"""Which line of a backward pass is wrong? Windows of one step show the value of each.

A line is judged by the values that this very pass has for the lines above it, so a mistake is found
where it is made, and not where its consequences are.
"""

from dataclasses import dataclass

import numpy as np

from .grade import Hint
from .texts import hint
from .ways import NOTHING, RIGHT, Values, agree, way
from .windows import Answer, Probe, same

SLOPES = {
    "1 - a": lambda a, before: 1.0 - a,
    "1 + a²": lambda a, before: 1.0 + a**2,
    "1 - a³": lambda a, before: 1.0 - a**3,
    "a²": lambda a, before: a**2,
    "no slope": lambda a, before: np.ones_like(a),
    "state before": lambda a, before: 1.0 - before**2,
    "slope twice": lambda a, before: (1.0 - a**2) ** 2,
}


@dataclass(frozen=True)
class OneStep:
    """Windows of one step and what a backward pass returned for them."""

    probes: list[Probe]
    answers: list[Answer]

    def of(self, name: str) -> Values:
        return [getattr(answer.gradients, name) for answer in self.answers]

    @property
    def columns(self) -> Values:
        """Column x of dWhx."""
        return [
            answer.gradients.Whx[:, [int(probe.trace.inputs[0])]]
            for probe, answer in zip(self.probes, self.answers, strict=True)
        ]

    def each(self, formula) -> Values:
        return [formula(probe) for probe in self.probes]

    @property
    def is_empty(self) -> bool:
        """Whether no step was taken: zero gradients, and da_next as it was given."""
        return all(
            not any(value.any() for value in answer.gradients)
            and same(answer.da_first, probe.da_next)
            for probe, answer in zip(self.probes, self.answers, strict=True)
        )


def wrong_lines(one: OneStep) -> list[Hint]:
    """Return hints for the lines that are wrong in windows of one step, in the lines' order."""
    dz, found = _dz(one)
    if dz is None:
        return found
    found += _outputs(one, dz)
    dh, da, of_dh = _dh(one, dz)
    if dh is None:
        return found + of_dh
    return found + of_dh + _products(one, dh, da)


def _dz(one: OneStep) -> tuple[Values | None, list[Hint]]:
    """Return the logit gradients that this pass goes on with, None if they can't be told."""
    expected = one.each(lambda probe: probe.dz[0])
    dby = one.of("by")
    products = [value @ probe.after(0).T for probe, value in zip(one.probes, dby, strict=True)]
    right_product = one.each(lambda probe: probe.dz[0] @ probe.after(0).T)
    if agree(dby, expected) or agree(one.of("Wya"), right_product):
        return expected, []
    if not agree(one.of("Wya"), products) or all(not value.any() for value in dby):
        # Both are wrong, each in its own way, or the two lines are missing.
        own = way(dby, expected, {})[0], way(one.of("Wya"), right_product, {})[0]
        if all(own):
            return expected, []
        return None, [hint("dz", "")]
    p = one.each(lambda probe: probe.trace.probabilities[0])
    y = one.each(lambda probe: probe.one_hot(int(probe.trace.targets[0])))
    x = one.each(lambda probe: probe.one_hot(int(probe.trace.inputs[0])))
    name, k = way(
        dby,
        expected,
        {
            "one-hot added": [a + b for a, b in zip(p, y, strict=True)],
            "one-hot forgotten": p,
            "input's entry": [a - b for a, b in zip(p, x, strict=True)],
            "only the one-hot": [-b for b in y],
        },
    )
    if not name:
        name, k = _part_of_one_hot(dby, p, y)
    return dby, [hint("dz", name, k)]


def _part_of_one_hot(dby: Values, p: Values, y: Values) -> tuple[str, float]:
    name, k = way([b - a for a, b in zip(p, dby, strict=True)], [-b for b in y], {})
    return ("part of the one-hot", k) if name == "factor" else ("", 1.0)


def _outputs(one: OneStep, dz: Values) -> list[Hint]:
    states = one.each(lambda probe: probe.after(0))
    before = one.each(lambda probe: probe.before(0))
    found = []
    name, k = way(
        one.of("Wya"),
        [a @ b.T for a, b in zip(dz, states, strict=True)],
        {
            "state before": [a @ b.T for a, b in zip(dz, before, strict=True)],
            "probabilities": [
                probe.trace.probabilities[0] @ probe.after(0).T for probe in one.probes
            ],
        },
    )
    if name != RIGHT:
        found.append(hint("dWya", name, k))
    name, k = way(
        one.of("by"), dz, {"probabilities": [q.trace.probabilities[0] for q in one.probes]}
    )
    if name != RIGHT:
        found.append(hint("dby", name, k))
    return found


def _dh(one: OneStep, dz: Values) -> tuple[Values | None, Values, list[Hint]]:
    """Return the pre-activation gradients that this pass goes on with, and the da before them."""
    from_output = [
        probe.parameters.Wya.T @ value for probe, value in zip(one.probes, dz, strict=True)
    ]
    da = [a + probe.da_next for probe, a in zip(one.probes, from_output, strict=True)]
    slope = one.each(lambda probe: 1.0 - probe.after(0) ** 2)
    expected = [a * b for a, b in zip(slope, da, strict=True)]
    witnesses = _witnesses(one)
    if any(agree(witness, expected) for witness in witnesses):
        return expected, da, []
    # The first of them is wrong in the same way as another one: the line that they share is.
    shared = next(
        (
            a
            for n, a in enumerate(witnesses)
            if any(agree(a, b) for b in witnesses[n + 1 :]) and any(value.any() for value in a)
        ),
        None,
    )
    if shared is None:
        return None, da, [hint("dh", "")]
    line, name, k = _mistake_in_dh(one, shared, from_output)
    return shared, da, [hint(line, name, k)]


def _witnesses(one: OneStep) -> list[Values]:
    """Return what dbh, column x of dWhx, dWha and the gradient handed back say of dh."""
    from_products = []
    for probe, product in zip(one.probes, one.of("Wha"), strict=True):
        before = probe.before(0)
        value = product @ before / (before.T @ before)
        from_products.append(
            value if same(value @ before.T, product) else np.full_like(value, np.nan)
        )
    handed_back = [
        np.linalg.solve(probe.parameters.Wha.T, answer.da_first)
        for probe, answer in zip(one.probes, one.answers, strict=True)
    ]
    return [one.of("bh"), one.columns, from_products, handed_back]


def _mistake_in_dh(one: OneStep, dh: Values, from_output: Values) -> tuple[str, str, float]:
    """Fit dh = slope · (α Wyaᵀ dz + β da_next), for the right slope and for wrong ones."""
    right = {"": lambda a, before: 1.0 - a**2}
    for name, formula in (right | SLOPES).items():
        slopes = [formula(probe.after(0), probe.before(0)) for probe in one.probes]
        both = np.concatenate(
            [
                np.hstack([slope * output, slope * probe.da_next])
                for slope, output, probe in zip(slopes, from_output, one.probes, strict=True)
            ]
        )
        values = np.concatenate(dh)
        fitted = np.linalg.lstsq(both, values, rcond=None)[0]
        if not same(both @ fitted, values):
            continue
        alpha, beta = (round(float(one), 9) for one in fitted[:, 0])
        if name:
            return "dh", name, alpha
        if beta == 0.0:
            return "da", "future dropped", 1.0
        if alpha == 0.0:
            return "da", "output dropped", 1.0
        if alpha == beta:
            return "dh", "sign" if alpha == -1.0 else "factor", alpha
        if alpha == 1.0:
            return "da", "future subtracted" if beta == -1.0 else "future scaled", beta
        return "da", "output scaled", alpha
    return "dh", "", 1.0


def _products(one: OneStep, dh: Values, da: Values) -> list[Hint]:
    """Check the four lines that use dh."""
    found = []
    x = one.each(lambda probe: probe.one_hot(int(probe.trace.inputs[0])))
    y = one.each(lambda probe: probe.one_hot(int(probe.trace.targets[0])))
    before = one.each(lambda probe: probe.before(0))
    after = one.each(lambda probe: probe.after(0))

    def outer(left: Values, right: Values) -> Values:
        return [a @ b.T for a, b in zip(left, right, strict=True)]

    Wha = one.each(lambda probe: probe.parameters.Wha)
    given = one.each(lambda probe: probe.da_next)
    handed = [a.T @ b for a, b in zip(Wha, dh, strict=True)]
    for line, computed, expected, others in (
        (
            "dWhx",
            one.of("Whx"),
            outer(dh, x),
            {
                "target's column": outer(dh, y),
                "before the slope": outer(da, x),
                "every column": [np.tile(a, (1, b.shape[0])) for a, b in zip(dh, x, strict=True)],
            },
        ),
        (
            "dWha",
            one.of("Wha"),
            outer(dh, before),
            {
                "state after": outer(dh, after),
                "transposed": outer(before, dh),
                "before the slope": outer(da, before),
            },
        ),
        ("dbh", one.of("bh"), dh, {"before the slope": da}),
        (
            "da_next",
            [answer.da_first for answer in one.answers],
            handed,
            {
                "transpose dropped": [a @ b for a, b in zip(Wha, dh, strict=True)],
                "before the slope": [a.T @ b for a, b in zip(Wha, da, strict=True)],
                "as given": given,
                "added to": [a + b for a, b in zip(handed, given, strict=True)],
                "da handed back": da,
                "dh handed back": dh,
            },
        ),
    ):
        name, k = way(computed, expected, others)
        if name != RIGHT:
            found.append(hint(line, "cut" if line == "da_next" and name == NOTHING else name, k))
    return found
