"""Draw the charts of the page as SVG, with colours from the page's style sheet."""

from collections.abc import Iterable, Mapping
from html import escape

import numpy as np

from ..case_result import MOST_DIGITS, Finding
from ..check_result import Curve

CELL = 14  # pixels
MOST_TICKS = 6
LARGEST_SIDE = 48  # entries drawn along a side; the caption says if there are more


def heat_map(found: Finding, dtype: str) -> str:
    """Draw one parameter's entries: right ones green, wrong ones red, stronger for fewer digits."""
    if found.computed is None or found.expected is None:
        return ""
    computed, expected, right, wrong = map(
        _as_matrix, (found.computed, found.expected, found.entry_digits, found.is_wrong)
    )
    right = np.minimum(right, MOST_DIGITS[dtype])
    rows, columns = (min(side, LARGEST_SIDE) for side in computed.shape)
    cells = []
    for i, j in np.ndindex(rows, columns):
        strength = 1.0 - right[i, j] / MOST_DIGITS[dtype]
        kind = f'bad" style="fill-opacity:{0.3 + 0.7 * strength:.3f}' if wrong[i, j] else "right"
        cells.append(
            f'<rect x="{j * CELL}" y="{i * CELL}" width="{CELL - 1}" height="{CELL - 1}" '
            f'rx="2" class="{kind}">'
            f"<title>{escape(found.name)}[{i},{j}]: {'wrong' if wrong[i, j] else 'right'}, "
            f"computed {computed[i, j]:.9g}, expected {expected[i, j]:.9g}, "
            f"{right[i, j]:.1f} digits</title></rect>"
        )
    width, height = columns * CELL, rows * CELL
    cut = "" if (rows, columns) == computed.shape else f", the first {rows}×{columns}"
    shape = "×".join(map(str, found.computed.shape)) or "a scalar"
    return (
        f'<figure class="map"><figcaption>{escape(found.name)} <small>{shape}{cut}</small>'
        f'</figcaption><svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="errors of {escape(found.name)}">{"".join(cells)}</svg></figure>'
    )


def _as_matrix(value: np.ndarray) -> np.ndarray:
    if value.ndim == 2:
        return value
    return value.reshape(1, -1) if value.ndim < 2 else value.reshape(value.shape[0], -1)


def lag_chart(errors: Mapping[int, Mapping[str, float]], axis: str) -> str:
    """Draw the largest error at each lag, on a logarithmic scale; `axis` labels the lags.

    Lags without an error are drawn on a separate line, below a break in the scale.
    """
    width, height, left, top, bottom = 340, 204, 52, 12, 38
    heights = {lag: max(sizes.values()) for lag, sizes in errors.items()}
    powers = [np.log10(size) for size in heights.values() if 0.0 < size < np.inf]
    low, high = int(np.floor(min(powers, default=-1.0))), int(np.ceil(max(powers, default=0.0)))
    high = max(high, low + 1)
    rightmost, base = width - 16, height - bottom
    none = [size for size in heights.values() if size == 0.0]
    floor = base - 22 if none else base
    step = (rightmost - left) / max(len(heights) - 1, 1)

    def y(size: float) -> float:
        if size == 0.0:
            return float(base)
        level = np.clip(np.log10(size), low, high)
        return float(top + (floor - top) * (high - level) / (high - low))

    def line(at: float, word: str, kind: str) -> str:
        return (
            f'<line class="{kind}" x1="{left}" x2="{rightmost}" y1="{at:.1f}" y2="{at:.1f}"/>'
            f'<text x="{left - 8}" y="{at + 4:.1f}" text-anchor="end">{word}</text>'
        )

    every = -(-(high - low) // MOST_TICKS)
    parts = [line(y(10.0**power), f"1e{power}", "grid") for power in range(high, low - 1, -every)]
    if none:
        parts.append(line(y(0.0), "none", "grid dashed"))
    places = [(left + i * step, lag, size) for i, (lag, size) in enumerate(heights.items())]
    path = " ".join(f"{x:.1f},{y(size):.1f}" for x, _, size in places)
    parts.append(f'<polyline class="curve" points="{path}"/>')
    for x, lag, size in places:
        kind = "bad" if size > 0.0 else "good"
        parts.append(
            f'<circle class="{kind}" cx="{x:.1f}" cy="{y(size):.1f}" r="4.5">'
            f"<title>lag {lag}: {size:.2g}</title></circle>"
            f'<text x="{x:.1f}" y="{height - 20}" text-anchor="middle">{lag}</text>'
        )
    middle = (left + rightmost) / 2
    parts.append(f'<text x="{middle}" y="{height - 5}" text-anchor="middle">{axis}</text>')
    return (
        f'<svg viewBox="0 0 {width} {height}" class="chart" role="img" '
        f'aria-label="error against lag">{"".join(parts)}</svg>'
    )


def histogram(findings: Iterable[Finding], most: float) -> str:
    """Draw the numbers of entries by right digits, the wrong ones in red above the others."""
    width, height, bottom = 340, 150, 34
    bins = int(np.ceil(most)) + 1
    counts = {True: np.zeros(bins, int), False: np.zeros(bins, int)}
    for found in findings:
        places = np.floor(np.minimum(found.entry_digits, most)).astype(int)
        for wrong, so_far in counts.items():
            so_far += np.bincount(places[found.is_wrong == wrong], minlength=bins)
    total = counts[True] + counts[False]
    column = (width - 20) / bins
    parts = []
    for place, count in enumerate(total):
        x, base = 10 + place * column, height - bottom
        for kind, number in (("good", counts[False][place]), ("bad", counts[True][place])):
            tall = (height - bottom - 18) * number / max(total.max(), 1)
            base -= tall
            parts.append(
                f'<rect class="{kind}" x="{x:.1f}" y="{base:.1f}" width="{column - 2:.1f}" '
                f'height="{tall:.1f}"><title>{place} digits: {count} entries</title></rect>'
            )
        middle = x + column / 2 - 1
        if count:
            parts.append(
                f'<text x="{middle:.1f}" y="{base - 4:.1f}" text-anchor="middle">{count}</text>'
            )
        if place % 2 == 0:
            parts.append(
                f'<text x="{middle:.1f}" y="{height - 18}" text-anchor="middle">{place}</text>'
            )
    parts.append(f'<text x="{width / 2}" y="{height - 2}" text-anchor="middle">right digits</text>')
    return (
        f'<svg viewBox="0 0 {width} {height}" class="chart" role="img" '
        f'aria-label="entries by right digits">{"".join(parts)}</svg>'
    )


def curve_chart(curve: Curve) -> str:
    """Draw a curve on logarithmic scales, with lines of slopes 1 and 2 through its first point."""
    width, height, left, top, bottom = 340, 204, 52, 12, 38
    points = [(np.log10(x), np.log10(y)) for x, y in zip(curve.x, curve.y, strict=True) if y > 0.0]
    points = [(x, y) for x, y in points if np.isfinite(y)]
    if not points:
        return ""
    low_x, high_x = min(x for x, _ in points), max(x for x, _ in points)
    low_y, high_y = np.floor(min(y for _, y in points)), np.ceil(max(y for _, y in points))
    high_y = max(high_y, low_y + 1)

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            left + (width - 16 - left) * (x - low_x) / max(high_x - low_x, 1e-9),
            top + (height - bottom - top) * (high_y - y) / (high_y - low_y),
        )

    every = -(-int(high_y - low_y) // MOST_TICKS)
    parts = []
    for power in range(int(high_y), int(low_y) - 1, -every):
        _, y = place(low_x, power)
        parts.append(
            f'<line class="grid" x1="{left}" x2="{width - 16}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">1e{power}</text>'
        )
    first = max(points)
    for slope in (1, 2):
        reach = min(first[0] - low_x, (first[1] - low_y) / slope)
        (x1, y1), (x2, y2) = place(*first), place(first[0] - reach, first[1] - slope * reach)
        parts.append(
            f'<line class="curve dashed" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
            f'<text x="{x2 + 6:.1f}" y="{y2 - 4:.1f}">{slope}</text>'
        )
    for x, y in points:
        at_x, at_y = place(x, y)
        parts.append(
            f'<circle class="dot" cx="{at_x:.1f}" cy="{at_y:.1f}" r="3">'
            f"<title>{10**x:.2g}: {10**y:.2g}</title></circle>"
        )
    for power in range(int(np.ceil(low_x)), int(high_x) + 1, 2):
        x, _ = place(power, low_y)
        parts.append(f'<text x="{x:.1f}" y="{height - 20}" text-anchor="middle">1e{power}</text>')
    middle = (left + width - 16) / 2
    parts.append(f'<text x="{middle}" y="{height - 5}" text-anchor="middle">step h</text>')
    return (
        f'<svg viewBox="0 0 {width} {height}" class="chart" role="img" '
        f'aria-label="{escape(curve.title)}">{"".join(parts)}</svg>'
    )
