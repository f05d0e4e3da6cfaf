"""The report of a gradient's certificate for a terminal."""

import math

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bptt.errors import harmless

from .certifying import MOST_DIGITS
from .gradient_certificate import INACCURATE, RIGHT, WRONG, GradientCertificate

CONCLUSIONS = {
    RIGHT: "Proved right",
    WRONG: "Proved wrong",
    INACCURATE: "The formula is proved right, what it computes in {dtype} inaccurate",
}


def show(certificate: GradientCertificate, console: Console) -> None:
    """Print a certificate; it fits into 80 columns."""
    console.print(rendered(certificate), crop=False)


def rendered(certificate: GradientCertificate) -> Group:
    style = "bold green" if certificate.verdict == RIGHT else "bold red"
    heading = f"{certificate.target}: {certificate.verdict}"
    parts: list[RenderableType] = [
        Text(harmless(heading), style=style),
        Text(
            f"At {certificate.case}: the loss is {certificate.loss}, and every entry of its "
            f"gradient is {_enclosed(certificate.radius)} ({certificate.bits} bits, "
            f"{certificate.seconds:.2g} s)."
        ),
        Text(),
        _digits(certificate),
        Text(
            "Formula: your code, without rounding. "
            f"{certificate.dtype}: what it computes. Digits of the worst entry, relative to its "
            "parameter's largest; own: the median of all entries, each relative to itself."
        ),
    ]
    if certificate.wrong:
        parts += [Text(), _wrong(certificate)]
    parts += [Text(harmless(note)) for note in certificate.notes]
    parts.append(Text(_conclusion(certificate), style=style))
    return Group(*parts)


def _digits(certificate: GradientCertificate) -> Table:
    table = Table(title="Right digits", title_justify="left", box=None, pad_edge=False)
    table.add_column("parameter", overflow="fold")
    table.add_column("shape", no_wrap=True)
    for column in ("formula", certificate.dtype, "own"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in certificate.parameters:
        table.add_row(
            harmless(one.name),
            " × ".join(map(str, one.shape)) or "number",
            "not run" if one.formula is None else _count(one.formula),
            _count(one.computed),
            "" if math.isnan(one.own) else _count(one.own),
        )
    return table


def _enclosed(radius: float) -> str:
    return f"enclosed within {radius:.0e}" if radius else "known exactly"


def _count(digits: float) -> str:
    return f"{digits:.1f}" if digits < MOST_DIGITS else f"{MOST_DIGITS:.0f} or more"


def _wrong(certificate: GradientCertificate) -> Table:
    table = Table(title="Wrong", title_justify="left", box=None, pad_edge=False)
    table.add_column("entry", overflow="fold")
    for column in ("computed", "true", "error at least"):
        table.add_column(column, justify="right", no_wrap=True)
    for entry in certificate.wrong:
        table.add_row(
            harmless(str(entry)), f"{entry.computed:.16g}", entry.expected, f"{entry.error:.1e}"
        )
    return table


def _conclusion(certificate: GradientCertificate) -> str:
    formula, computed = (f"{tolerance:.1e}" for tolerance in certificate.tolerances)
    if certificate.verdict not in CONCLUSIONS:
        return "Undecided: neither right nor wrong is proved."
    said = CONCLUSIONS[certificate.verdict].format(dtype=certificate.dtype)
    runs = any(one.formula is not None for one in certificate.parameters)
    within = f"the formula to {formula}, " if runs and formula != computed else ""
    return f"{said}. Tolerance: {within}{certificate.dtype} to {computed}."
