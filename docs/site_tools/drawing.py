"""The unrolled network as an SVG drawing, in the colours of the page."""

STEPS = 3
# For the file. The page's theme need not be the system's, which the query asks for: what has no box
# behind it is readable on both.
STYLE = """
text { fill: #1f2328; font: 16px monospace; }
text.label { fill: #6e7781; font-size: 14px; }
rect { fill: #f6f8fa; stroke: #818b98; }
rect.state { stroke: #0969da; stroke-width: 2; }
rect.start { stroke-dasharray: 4 3; }
.arrow { fill: none; stroke: #6e7781; stroke-width: 1.8; }
.tip { fill: #6e7781; }
.arrow.back { stroke: #d9480f; stroke-dasharray: 5 4; }
.tip.back, text.label.back { fill: #d9480f; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  text.label { fill: #6e7781; }
  rect { fill: #151b23; stroke: #656c76; }
  rect.state { stroke: #4493f8; }
  text.label.back { fill: #d9480f; }
}
"""
WIDTH, HEIGHT = 200, 330
ROWS = {"loss": 40, "p": 100, "a": 190, "x": 290}


def unrolled() -> str:
    """Return the drawing as a part of a page."""
    return f'<div class="drawing">{_svg()}</div>'


def file() -> str:
    """Return the drawing as a file of its own."""
    start, end = _svg().split(">", 1)
    return f'{start} xmlns="http://www.w3.org/2000/svg"><style>{STYLE}</style>{end}\n'


def _svg() -> str:
    """Draw three steps: solid arrows for the forward pass, dashed ones for the backward pass."""
    parts = [_box(0, "a", "a₋₁", "start")]
    for t in range(STEPS):
        centre = (t + 1) * WIDTH
        parts += [
            _box(centre, "x", f"x{'₀₁₂'[t]}", "given"),
            _box(centre, "a", f"a{'₀₁₂'[t]}", "state"),
            _box(centre, "p", f"p{'₀₁₂'[t]}", "state"),
            _box(centre, "loss", f"−log p{'₀₁₂'[t]}[y{'₀₁₂'[t]}]", "given", 70),
        ]
        for start, end, label in (("x", "a", "Whx"), ("a", "p", "Wya"), ("p", "loss", "")):
            y1, y2 = ROWS[start] - 20, ROWS[end] + 20
            parts.append(_arrow(centre - 12, y1, centre - 12, y2, "forward"))
            parts.append(_label(centre - 18, (y1 + y2) / 2 + 5, label, "end"))
            if start != "x":
                back = {"a": "da", "p": "dz"}[start]
                parts.append(_arrow(centre + 12, y2, centre + 12, y1, "back"))
                parts.append(_label(centre + 20, (y1 + y2) / 2 + 5, back, "start", "back"))
        parts.append(
            _arrow(centre - WIDTH + 34, ROWS["a"] - 10, centre - 34, ROWS["a"] - 10, "forward")
        )
        parts.append(_label(centre - WIDTH / 2, ROWS["a"] - 18, "Wha", "middle"))
        parts.append(
            _arrow(centre - 34, ROWS["a"] + 10, centre - WIDTH + 34, ROWS["a"] + 10, "back")
        )
        parts.append(_label(centre - WIDTH / 2, ROWS["a"] + 30, "da_next", "middle", "back"))
    view = f"-50 0 {STEPS * WIDTH + 140} {HEIGHT}"
    title = "The network unrolled over three steps"
    return (
        f'<svg class="unrolled" viewBox="{view}" role="img" aria-label="{title}">'
        "<defs>"
        + "".join(
            f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path class="tip {name}" d="M0 0L10 5L0 10z"/>'
            "</marker>"
            for name in ("forward", "back")
        )
        + f"</defs>{''.join(parts)}</svg>"
    )


def _box(x: float, row: str, text: str, kind: str, half: int = 32) -> str:
    y = ROWS[row]
    return (
        f'<rect class="{kind}" x="{x - half}" y="{y - 18}" width="{2 * half}" height="36" rx="8"/>'
        f'<text x="{x}" y="{y + 5}" text-anchor="middle">{text}</text>'
    )


def _arrow(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<path class="arrow {kind}" d="M{x1} {y1}L{x2} {y2}" marker-end="url(#{kind})"/>'


def _label(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    return f'<text class="label {kind}" x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'
