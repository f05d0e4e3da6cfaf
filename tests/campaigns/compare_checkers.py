"""Which checker finds which bug: ours, PyTorch's gradcheck, JAX's and HIPS autograd's check_grads.

`python -m tests.campaigns.compare_checkers` plants bugs in an RNN's hand-written gradient and lets
each checker look, all at their defaults. The others look at one input that somebody has to choose;
they get T=4, H=3 drawn from a seed, where most of these bugs show. JAX and HIPS autograd are no
requirement: without them, their columns say so. Then smaller and smaller errors, from several
seeds, show how far down ours finds them."""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from bptt.verify import GradientProblem, Settings, verify

SMALL = (1e-9, 1e-10, 1e-11, 1e-12, 1e-13)
SEEDS = range(4)
NAMES: tuple[str, ...] = ("W", "U", "b")
Edit = Callable[[dict[str, Any], dict[str, Any], int], dict[str, Any]]


def scaled(name: str, factor: float) -> Edit:
    return lambda d, p, T: d | {name: d[name] * factor}


def one_entry(name: str, factor: float) -> Edit:
    def edit(d: dict[str, Any], p: dict[str, Any], T: int) -> dict[str, Any]:
        shape = tuple(d[name].shape)
        mask = np.ones(shape)
        mask[(-1,) * mask.ndim] = factor
        like = torch.from_numpy(mask) if isinstance(d[name], Tensor) else mask
        return d | {name: d[name] * like}

    return edit


def added(name: str, size: float) -> Edit:
    return lambda d, p, T: d | {name: d[name] + size}


def only_from(T_wrong: int, edit: Edit) -> Edit:
    return lambda d, p, T: edit(d, p, T) if T_wrong <= T else d


def only_when_large(edit: Edit) -> Edit:
    return lambda d, p, T: edit(d, p, T) if abs(float(p["b"][0])) > 2.5 else d


BUGS: dict[str, Edit] = {
    "no bug": lambda d, p, T: d,
    "U: sign": scaled("U", -1.0),
    "U: transposed": lambda d, p, T: d | {"U": d["U"].T},
    "W: zero": scaled("W", 0.0),
    "b: factor 2": scaled("b", 2.0),
    "U: factor 1+1e-2": scaled("U", 1 + 1e-2),
    "U: factor 1+1e-3": scaled("U", 1 + 1e-3),
    "U: factor 1+1e-4": scaled("U", 1 + 1e-4),
    "U: factor 1+1e-6": scaled("U", 1 + 1e-6),
    "U: factor 1+1e-9": scaled("U", 1 + 1e-9),
    "U: factor 1+1e-11": scaled("U", 1 + 1e-11),
    "W: one entry, factor 1+1e-2": one_entry("W", 1 + 1e-2),
    "W: one entry, factor 1+1e-5": one_entry("W", 1 + 1e-5),
    "b: 1e-6 added": added("b", 1e-6),
    "b: 1e-10 added": added("b", 1e-10),
    "U: factor 2, only where T > 4": only_from(5, scaled("U", 2.0)),
    "W: factor 2, only where |b[0]| > 2.5": only_when_large(scaled("W", 2.0)),
}


def inputs(T: int, H: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, dict]:
    x, start = rng.standard_normal((T, H)), rng.standard_normal(H)
    shapes = {"W": (H, H), "U": (H, H), "b": (H,)}
    return x, start, {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def loss_of(p: dict[str, Any], x: Any, start: Any, tanh: Callable[[Any], Any]) -> Any:
    a, loss = start, 0.0
    for step in x:
        a = tanh(p["W"] @ step + p["U"] @ a + p["b"])
        loss = loss + (a * a).sum()
    return loss


def gradient_of(p: dict[str, Any], x: Any, start: Any, xp: Any) -> dict[str, Any]:
    """Run the right backward pass, in NumPy, torch or JAX (`xp`)."""
    states = [start]
    for step in x:
        states.append(xp.tanh(p["W"] @ step + p["U"] @ states[-1] + p["b"]))
    d = {name: 0 * p[name] for name in NAMES}
    da = 0 * start
    for t in reversed(range(len(x))):
        dh = (1 - states[t + 1] ** 2) * (da + 2 * states[t + 1])
        d["W"] = d["W"] + xp.outer(dh, x[t])
        d["U"] = d["U"] + xp.outer(dh, states[t])
        d["b"] = d["b"] + dh
        da = p["U"].T @ dh
    return d


def by_us(edit: Edit, settings: Settings | None = None) -> bool:
    def problem(T: int, H: int, rng: np.random.Generator) -> GradientProblem:
        x, start, parameters = inputs(T, H, rng)
        return GradientProblem(
            parameters,
            lambda p: loss_of(p, x, start, np.tanh),
            lambda p: edit(gradient_of(p, x, start, np), p, T),
        )

    return verify(problem, settings).verdict == "wrong"


def by_gradcheck(edit: Edit) -> bool:
    x, start, parameters = inputs(4, 3, np.random.default_rng(0))
    tx, ts = torch.tensor(x), torch.tensor(start)

    class Layer(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *values: Tensor) -> Tensor:
            ctx.save_for_backward(*values)
            return loss_of(dict(zip(NAMES, values, strict=True)), tx, ts, torch.tanh)

        @staticmethod
        def backward(ctx: Any, *slopes: Any) -> Any:
            p = dict(zip(NAMES, ctx.saved_tensors, strict=True))
            d = edit(gradient_of(p, tx, ts, torch), p, len(tx))
            return tuple(torch.as_tensor(d[name]) * slopes[0] for name in NAMES)

    leaves = tuple(torch.tensor(parameters[name], requires_grad=True) for name in NAMES)
    return not torch.autograd.gradcheck(Layer.apply, leaves, raise_exception=False)


def by_check_grads(edit: Edit) -> bool | None:
    """Return None where JAX isn't installed."""
    try:
        import jax  # pyright: ignore[reportMissingImports]
        from jax.test_util import check_grads  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError:
        return None
    x, start, parameters = inputs(4, 3, np.random.default_rng(0))
    xp = jax.numpy

    @jax.custom_vjp
    def layer(p: Any) -> Any:
        return loss_of(p, xp.asarray(x), xp.asarray(start), xp.tanh)

    layer.defvjp(  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]
        lambda p: (layer(p), p),
        lambda p, slope: (
            {
                name: value * slope
                for name, value in edit(
                    gradient_of(p, xp.asarray(x), xp.asarray(start), xp), p, len(x)
                ).items()
            },
        ),
    )
    given = {name: xp.asarray(value) for name, value in parameters.items()}
    try:
        check_grads(layer, (given,), order=1, modes=["rev"])
    except AssertionError:
        return True
    return False


def by_hips_check_grads(edit: Edit) -> bool | None:
    """Return None where HIPS autograd isn't installed."""
    try:
        import autograd.numpy as xp  # pyright: ignore[reportMissingImports]
        from autograd.extend import defvjp, primitive  # pyright: ignore[reportMissingImports]
        from autograd.test_util import check_grads  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError:
        return None
    x, start, parameters = inputs(4, 3, np.random.default_rng(0))

    @primitive
    def layer(*values: Any) -> Any:
        return loss_of(dict(zip(NAMES, values, strict=True)), x, start, np.tanh)

    def slope_in(name: str) -> Callable[..., Any]:
        def vjp(result: Any, *values: Any) -> Callable[[Any], Any]:
            def given(p: dict[str, Any]) -> Any:
                return edit(gradient_of(p, x, start, xp), p, len(x))[name]

            return lambda slope: slope * given(dict(zip(NAMES, values, strict=True)))

        return vjp

    defvjp(layer, *map(slope_in, NAMES))
    try:
        check_grads(layer, (0, 1, 2), modes=["rev"], order=1)(  # pyright: ignore[reportOptionalCall]
            *(parameters[name] for name in NAMES)
        )
    except AssertionError:
        return True
    return False


CHECKERS: dict[str, Callable[[Edit], bool | None]] = {
    "bptt verify": by_us,
    "gradcheck": by_gradcheck,
    "JAX check_grads": by_check_grads,
    "HIPS check_grads": by_hips_check_grads,
}


def main(part: str) -> None:
    """Print the table of bugs by checker, how many each found, and how small an error we find.

    With `part`, only the bugs with it in their name.
    """
    chosen = {bug: edit for bug, edit in BUGS.items() if part in bug}
    table = Table(box=None, pad_edge=False)
    for column in ("bug", *CHECKERS):
        table.add_column(column)
    found = dict.fromkeys(CHECKERS, 0)
    words = {True: "found", False: "-", None: "not installed"}
    for bug, edit in chosen.items():
        said = {name: checker(edit) for name, checker in CHECKERS.items()}
        table.add_row(bug, *(words[answer] for answer in said.values()))
        for name, answer in said.items():
            if bug != "no bug":
                found[name] += answer is True
    console = Console(highlight=False)
    console.print(table)
    planted = len(chosen.keys() - {"no bug"})
    console.print(", ".join(f"{name}: {count} of {planted}" for name, count in found.items()))
    if part:
        return
    console.print("\nbptt verify, a factor of 1+e in one parameter:")
    for size in SMALL:
        answers = [
            by_us(scaled(name, 1 + size), Settings(seed=seed)) for name in NAMES for seed in SEEDS
        ]
        console.print(f"e={size:g}: {sum(answers)} of {len(answers)} found")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", default="", help="only bugs with this in their name")
    main(parser.parse_args().part)
