"""One line for a test-suite: `assert_backward_right(MyFunction.apply, inputs)`."""

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from ..checker.search import Settings
from ..checker.terminal import STYLES
from ..checker.terminal import rendered as rendered_values
from .checks import REFUSED
from .report import RACE_SECONDS, BackwardReport, verify_backward


def assert_backward_right(
    function: Any,
    inputs: Callable[..., Any] | None = None,
    *,
    forward: Callable[..., Any] | None = None,
    sizes: Mapping[str, tuple[int, int]] | None = None,
    cases: int = 60,
    seed: int = 0,
    time_limit: float = 10.0,
    dtypes: tuple[str, ...] = ("float32",),
    race_seconds: float = RACE_SECONDS,
) -> None:
    """Verify a function with its own backward pass; raise AssertionError unless it is right.

    `function` is a torch callable, a pair `(forward, backward)` of NumPy functions, a function
    that returns `(loss, gradients)` or a JAX function; `inputs(rng, N, D)` draws its arguments for
    some sizes. The other arguments are those of `verify_backward`; `time_limit` is in seconds, for
    each call. The error carries the whole report.

        def test_layer_norm():
            assert_backward_right(LayerNorm.apply, inputs)
    """
    __tracebackhide__ = True
    report = verify_backward(
        function,
        inputs,
        forward=forward,
        settings=Settings(cases, seed, time_limit, dict(sizes or {})),
        dtypes=dtypes,
        race_seconds=race_seconds,
    )
    if report.exit_status != 0:
        console = Console(width=100, color_system=None)
        with console.capture() as capture:
            console.print(rendered(report))
        raise AssertionError("\n" + capture.get())


def rendered(report: BackwardReport) -> Group:
    """Lay a report out: the verdict, the failed checks first, the others, the values."""
    table = Table(box=None, pad_edge=False)
    for column in ("check", "result", ""):
        table.add_column(column, overflow="fold")
    for check in sorted(report.checks, key=lambda check: check not in report.failed):
        style = "bold red" if check in report.failed else "yellow" * (check.verdict == REFUSED)
        table.add_row(check.name, Text(check.verdict, style=style), check.message)
    headline = f"{report.target}: {report.verdict} ({report.seconds:.1f} s)"
    return Group(
        Text(headline, style=STYLES.get(report.verdict, "bold red")),
        table,
        Text("\nValues", style="italic"),
        rendered_values(report.values),
    )
