"""The drawings of the page, as SVG that takes its colours from the page's style sheet."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from .outcome import MOST_DIGITS, Finding

CELL = 14  # pixels
LARGEST_SIDE = 48  # entries drawn along a side; what is beyond is cut off, and said to be


def heat_map(found: Finding, dtype: str) -> str:
    """Draw one parameter's entries, the more opaque the fewer digits are right."""
    if found.mine is None or found.true is None:
        return ""
    mine, true = (_as_matrix(value) for value in (found.mine, found.true))
    size = float(np.abs(true).max(initial=0.0))
    rows, columns = (min(side, LARGEST_SIDE) for side in mine.shape)
    cells = []
    for i, j in np.ndindex(rows, columns):
        right = digits_of(float(mine[i, j]), float(true[i, j]), size, dtype)
        share = 1.0 - right / MOST_DIGITS[dtype]
        cells.append(
            f'<rect x="{j * CELL}" y="{i * CELL}" width="{CELL - 1}" height="{CELL - 1}" '
            f'rx="2" class="heat" style="fill-opacity:{0.07 + 0.93 * share:.3f}">'
            f"<title>{escape(found.name)}[{i},{j}]: mine {mine[i, j]:.9g}, true {true[i, j]:.9g}, "
            f"{right:.1f} digits</title></rect>"
        )
    width, height = columns * CELL, rows * CELL
    cut = "" if (rows, columns) == mine.shape else f", the first {rows}×{columns}"
    shape = "×".join(map(str, found.mine.shape)) or "a scalar"
    return (
        f'<figure class="map"><figcaption>{escape(found.name)} <small>{shape}{cut}</small>'
        f'</figcaption><svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="errors of {escape(found.name)}">{"".join(cells)}</svg></figure>'
    )


def digits_of(mine: float, true: float, size: float, dtype: str) -> float:
    """Return the right digits of one entry, against the parameter's largest entry."""
    off, most = abs(mine - true), MOST_DIGITS[dtype]
    if off == 0.0:
        return most
    if not np.isfinite(off) or size == 0.0:
        return 0.0
    return float(np.clip(-np.log10(off / size), 0.0, most))


def _as_matrix(value: np.ndarray) -> np.ndarray:
    if value.ndim == 2:
        return value
    return value.reshape(1, -1) if value.ndim < 2 else value.reshape(value.shape[0], -1)


def lag_chart(errors: Mapping[int, Mapping[str, float]], axis: str) -> str:
    """Draw each lag's largest error, on a logarithmic scale; `axis` says what a lag is."""
    width, height, left, bottom = 340, 190, 52, 34
    heights = {lag: max(sizes.values()) for lag, sizes in errors.items()}
    finite = [size for size in heights.values() if 0.0 < size < np.inf]
    low = np.floor(np.log10(min(finite, default=1e-16))) - 1
    high = max(np.ceil(np.log10(max(finite, default=1.0))), low + 2)
    step = (width - left - 16) / max(len(heights) - 1, 1)

    def y(size: float) -> float:
        level = np.clip(np.log10(size), low, high) if size > 0.0 else low
        return float(12 + (height - bottom - 12) * (high - level) / (high - low))

    places = [(left + i * step, lag, size) for i, (lag, size) in enumerate(heights.items())]
    parts = []
    for power in np.unique(np.linspace(low, high, 4).round()):
        line = y(10.0**power)
        word = "right" if power == low else f"1e{int(power)}"
        parts.append(
            f'<line class="grid" x1="{left}" x2="{width - 16}" y1="{line:.1f}" y2="{line:.1f}"/>'
            f'<text x="{left - 8}" y="{line + 4:.1f}" text-anchor="end">{word}</text>'
        )
    path = " ".join(f"{x:.1f},{y(size):.1f}" for x, _, size in places)
    parts.append(f'<polyline class="curve" points="{path}"/>')
    for x, lag, size in places:
        kind = "bad" if size > 0.0 else "good"
        parts.append(
            f'<circle class="{kind}" cx="{x:.1f}" cy="{y(size):.1f}" r="4.5">'
            f"<title>lag {lag}: {size:.2g}</title></circle>"
            f'<text x="{x:.1f}" y="{height - 16}" text-anchor="middle">{lag}</text>'
        )
    middle = (left + width - 16) / 2
    parts.append(f'<text x="{middle}" y="{height - 2}" text-anchor="middle">{axis}</text>')
    return (
        f'<svg viewBox="0 0 {width} {height}" class="chart" role="img" '
        f'aria-label="error against lag">{"".join(parts)}</svg>'
    )


def histogram(digits: Sequence[float], most: float) -> str:
    """Draw how many entries have how many right digits."""
    width, height, bottom = 340, 150, 34
    bins = int(np.ceil(most)) + 1
    counts = np.bincount(np.floor(digits).astype(int), minlength=bins)[:bins]
    column = (width - 20) / bins
    parts = []
    for place, count in enumerate(counts):
        tall = (height - bottom - 18) * count / max(counts.max(), 1)
        x, top = 10 + place * column, height - bottom - tall
        kind = "bad" if place < most / 2 else "good"
        parts.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{top:.1f}" width="{column - 2:.1f}" '
            f'height="{tall:.1f}"><title>{place} digits: {count} entries</title></rect>'
        )
        if count:
            parts.append(
                f'<text x="{x + column / 2 - 1:.1f}" y="{top - 4:.1f}" '
                f'text-anchor="middle">{count}</text>'
            )
        if place % 2 == 0:
            parts.append(
                f'<text x="{x + column / 2 - 1:.1f}" y="{height - 18}" '
                f'text-anchor="middle">{place}</text>'
            )
    parts.append(f'<text x="{width / 2}" y="{height - 2}" text-anchor="middle">right digits</text>')
    return (
        f'<svg viewBox="0 0 {width} {height}" class="chart" role="img" '
        f'aria-label="entries by right digits">{"".join(parts)}</svg>'
    )
