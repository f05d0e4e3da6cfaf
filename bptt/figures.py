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
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

from . import files
from .errors import explained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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
        files.write(path, picture)
    return True


def fit(axes: "Axes", name: Literal["x", "y"], values: Sequence[float]) -> None:
    """Let an axis show all of the values: logarithmic where they differ by a factor of 3.

    On a logarithmic one, what is smaller than a thousandth of the largest is left out on x, than a
    millionth on y.
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
    """Return where ticks are so that their labels have room on an axis that covers a factor."""
    if factor <= 20:
        return (1, 2, 3, 4, 6)
    return (1, 2, 5) if factor <= 2000 else (1,)


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
