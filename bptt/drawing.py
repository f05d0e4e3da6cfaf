"""How this project draws: into files, by Agg, with matplotlib's own defaults.

What a person has set for matplotlib (MPLBACKEND, a matplotlibrc, LaTeX for all texts) is for
pictures of their own, and may name what isn't there. matplotlib is imported when something is
drawn, since that takes long; so modules that draw import nothing of it before.
"""

import functools
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from . import durable
from .errors import explained

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Arguments = ParamSpec("Arguments")


def as_png(draw: "Callable[Arguments, Figure]") -> Callable[Arguments, bytes]:
    """Make a function that draws a figure one that returns a PNG.

    No version or date is in it: the same figures give the same picture.
    """

    @functools.wraps(draw)
    def drawn(*given: Arguments.args, **named: Arguments.kwargs) -> bytes:
        with _own_settings():
            figure, picture = draw(*given, **named), io.BytesIO()
            figure.savefig(picture, format="png", metadata={"Software": None})
            return picture.getvalue()

    return drawn


def new_figure(width: float, height: float) -> "Figure":
    """Sizes in inches. For functions that are `as_png`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write(path: Path, draw: Callable[[], bytes]) -> bool:
    """Draw a picture and write it; return whether it is there.

    One that can't be drawn is a warning on standard error, not the end of what it illustrates.
    Raises InputError where the disk refuses.
    """
    try:
        picture = draw()
    except Exception as error:  # of a library that nothing but pictures hangs on
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"warning: {path} can't be drawn: {reason}", file=sys.stderr)
        return False
    with explained("write", path):
        durable.write(path, picture)
    return True


def fit(axis: "Axis", values: Sequence[float]) -> None:
    """Let an axis show all of the values: logarithmic where they differ by a factor of 3.

    On a logarithmic one, what lies beyond a thousandth (a millionth, where it is vertical) of the
    largest is left out.
    """
    from matplotlib.ticker import LogLocator, NullLocator

    vertical = axis.axis_name == "y"
    axes = axis.axes
    show, scale = (
        (axes.set_ylim, axes.set_yscale) if vertical else (axes.set_xlim, axes.set_xscale)
    )
    high = max(values, default=1.0)
    low = min((value for value in values if value > high / (1e6 if vertical else 1e3)), default=0.0)
    if low == 0.0 or high < 3 * low:
        if values:
            room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
            show(low - room, high + room)
        axis.set_major_formatter(compact)
        return
    room = (high / low) ** 0.04
    scale("log", nonpositive="mask")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 20 * low else range(1, 10)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(compact)
    show(low / room, high * room)


def compact(value: float, _: object = None) -> str:
    """Write a number on an axis: 0.5, 200, 30k, 4M."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


@contextmanager
def _own_settings() -> Iterator[None]:
    with _without("MPLBACKEND"):  # one that matplotlib doesn't know ends its import
        import matplotlib
    own = {key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"}
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
