"""Figures as PNG files, drawn by matplotlib's Agg backend with its default settings.

A user's own configuration of matplotlib (MPLBACKEND, a matplotlibrc, LaTeX for all texts) is
ignored: it is meant for other figures, and may name what isn't installed. matplotlib is imported
only when something is drawn, since that takes long.
"""

import functools
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

from . import files
from .errors import explained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Arguments = ParamSpec("Arguments")


def as_png(draw: "Callable[Arguments, Figure]") -> Callable[Arguments, bytes]:
    """Decorate a function that returns a figure, so that it returns the figure as PNG bytes.

    The PNG holds no version or date: the same data give the same bytes.
    """

    @functools.wraps(draw)
    def drawn(*given: Arguments.args, **named: Arguments.kwargs) -> bytes:
        with _own_settings():
            figure, picture = draw(*given, **named), io.BytesIO()
            figure.savefig(picture, format="png", metadata={"Software": None})
            return picture.getvalue()

    return drawn


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of a size in inches, for a function decorated with `as_png`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write(path: Path, draw: Callable[[], bytes]) -> bool:
    """Draw a figure and write it to a file; return whether it could be drawn.

    If it can't be drawn, a warning goes to standard error and no exception is raised. Raises
    InputError if the file can't be written.

    >>> write(folder.loss_plot, lambda: plots.loss(entries, config))
    True
    """
    try:
        picture = draw()
    except Exception as error:  # whatever it is, only the figure depends on it
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"warning: {path} can't be drawn: {reason}", file=sys.stderr)
        return False
    with explained("write", path):
        files.write(path, picture)
    return True


def fit(axes: "Axes", name: Literal["x", "y"], values: Sequence[float]) -> None:
    """Set an axis's limits to show all values, on a logarithmic scale if they span a factor of 3.

    A logarithmic axis leaves out values below a thousandth (x) or a millionth (y) of the largest.
    """
    from matplotlib.ticker import LogLocator, NullLocator

    axis = axes.yaxis if name == "y" else axes.xaxis
    show, scale = {
        "x": (axes.set_xlim, axes.set_xscale),
        "y": (axes.set_ylim, axes.set_yscale),
    }[name]
    high = max(values, default=1.0)
    smallest = high / (1e6 if name == "y" else 1e3)
    low = min((value for value in values if value > smallest), default=0.0)
    if 0.0 < 3 * low <= high:
        room = (high / low) ** 0.04
        scale("log", nonpositive="mask")
        axis.set_major_locator(LogLocator(subs=_within_a_decade(high / low)))
        axis.set_minor_locator(NullLocator())
        show(low / room, high * room)
    elif values:
        low = min(values)
        room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
        show(low - room, high + room)
    axis.set_major_formatter(compact)


def _within_a_decade(factor: float) -> tuple[int, ...]:
    """Return the multiples of a power of ten that get a tick on an axis spanning `factor`."""
    if factor <= 20:
        return (1, 2, 3, 4, 6)
    return (1, 2, 5) if factor <= 2000 else (1,)


def compact(value: float, _: object = None) -> str:
    """Format a number for an axis: 0.5, 200, 30k, 4M."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


@contextmanager
def _own_settings() -> Iterator[None]:
    with _without("MPLBACKEND"):  # one that matplotlib doesn't know ends its import
        import matplotlib
    own: dict[Any, Any] = dict(matplotlib.rcParamsDefault)
    del own["backend"]  # which savefig doesn't ask for
    with matplotlib.rc_context(own):
        yield


@contextmanager
def _without(variable: str) -> Iterator[None]:
    value = os.environ.pop(variable, None)
    try:
        yield
    finally:
        if value is not None:
            os.environ[variable] = value
