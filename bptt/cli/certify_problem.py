"""bptt certify FILE.py:NAME: proved digits of the gradient in anyone's NumPy code."""

import json
from pathlib import Path

import typer
from rich.console import Console

from .. import files
from ..errors import InputError, explained
from ..verify.certify.certifying import MOST_BITS, certify_gradient
from ..verify.certify.gradient_report import show
from .options import make_folder

FILE = "certificate.json"


def is_problem(target: str) -> bool:
    return ".py:" in target


def certify_problem(
    target: str,
    sizes: list[str],
    seed: int,
    digits: float | None,
    bits: int | None,
    out: Path | None,
) -> None:
    """Certify, print the report, and exit with its status."""
    console = Console(highlight=False)
    given, most_bits = dict(map(_size, sizes)), MOST_BITS if bits is None else bits
    if out is not None:
        make_folder(out)

    if console.is_terminal:
        with console.status(f"enclosing the gradient of {target}"):
            certificate = certify_gradient(
                target, given, seed=seed, digits=digits, most_bits=most_bits
            )
    else:
        certificate = certify_gradient(target, given, seed=seed, digits=digits, most_bits=most_bits)
    show(certificate, console)
    if out is not None:
        with explained("write", out / FILE):
            content = json.dumps(certificate.to_json(), indent=1, allow_nan=False)
            files.write(out / FILE, content.encode())
        console.print(f"{out} holds {FILE}.", markup=False, soft_wrap=True)
    raise typer.Exit(certificate.exit_status)


def _size(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name.isidentifier() or not number.isdecimal() or int(number) < 1:
        raise InputError(f"--size: expected NAME=NUMBER, such as T=4, got {text}")
    return name, int(number)
