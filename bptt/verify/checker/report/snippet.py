"""Python code that reproduces a case, in lines short enough for any terminal."""

from ..problem import Case

PART = 48  # characters


def snippet(target: str, case: Case, tolerance: float) -> str:
    """Return a call of `check`; `target` is `file.py:problem`, or the name of a callable."""
    given = [f"seed={case.seed}"]
    given += [f"scale={case.scale}"] * (case.scale != 1.0)
    given += [f"tolerance={tolerance}"] * (tolerance != 0.0)
    sizes = [f"{name!r}: {size}" for name, size in case.sizes.items()]
    lines = [
        "from bptt.verify import check",
        f"target = {_literal(target) if '.py:' in target else target.rpartition('.')[2]}",
        f"sizes = {_filled('{', sizes, '}')}",
        f"print(check(target, sizes, {', '.join(given)}))",
    ]
    return "\n".join(lines)


def _literal(text: str) -> str:
    """Return a string literal, in several parts if it is long."""
    parts = [repr(text[at : at + PART]) for at in range(0, len(text), PART)]
    return parts[0] if len(parts) == 1 else _filled("(", parts, ")", separator="")


def _filled(opening: str, items: list[str], closing: str, separator: str = ",") -> str:
    """Put items between brackets, on one line or on a line each."""
    line = f"{opening}{f'{separator} '.join(items)}{closing}"
    if len(line) <= PART:
        return line
    return "\n".join([opening, *(f"    {item}{separator}" for item in items), closing])
