# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""Packed copies of a product's factors, in the order in which the inner loop reads them.

A panel is as wide as a tile and holds that many columns of the right factor, row by row. In the
matrix itself each of those rows may lie in a different memory page.
"""

import numpy as np

from .compiled import internal
from .products import row_width, tile_width
from .tiles import transpose_block
from .vectors import load, store, vector_length

LINE_BYTES = 64


@internal
def panels_of(B, lone):
    """Return B packed into panels, stacked vertically; B is a `loose` view.

    They are for `multiply_panels` or, if `lone`, for `multiply_row_panels`.
    """
    unit = vector_length(B)
    vectors = max(1, -(-B.shape[1] // unit))
    span = (row_width(vectors) if lone else tile_width(vectors)) * unit
    panels = aligned(-(-B.shape[1] // span) * B.shape[0], span, B)
    pack(panels, B)
    return panels


@internal
def aligned(rows, columns, like):
    """Return an uninitialised array that starts at a cache line boundary, with `like`'s dtype."""
    flat = np.empty(rows * columns + LINE_BYTES // like.itemsize, like.dtype)
    skip = (-flat.ctypes.data % LINE_BYTES) // like.itemsize
    return flat[skip : skip + rows * columns].reshape(rows, columns)


@internal
def pack(panels, B):
    """Copy B into vertically stacked panels, the last one padded with zeros on its right."""
    depth, columns = B.shape
    unit, span = vector_length(panels), panels.shape[1]
    whole = columns // span * span if B.strides[1] == B.itemsize else 0
    for k in range(depth):  # row by row, so that each row of B is read sequentially
        for n in range(0, whole, span):
            for j in range(0, span, unit):
                store(panels, n // span * depth + k, j, load(B, k, n + j))
    for n in range(whole, columns, span):
        _pack_panel(panels[n // span * depth : n // span * depth + depth], B[:, n : n + span])


@internal
def _pack_panel(panel, B):
    """Copy B into a panel with contiguous rows, padded with zeros on the right."""
    depth, columns = B.shape
    if B.strides[0] == B.itemsize:
        transpose_into(panel, B.T)
    else:
        unit = vector_length(panel)
        whole = columns // unit * unit if B.strides[1] == B.itemsize else 0
        for k in range(depth):
            for n in range(0, whole, unit):
                store(panel, k, n, load(B, k, n))
            for n in range(whole, columns):
                panel[k, n] = B[k, n]
    for k in range(depth):
        for n in range(columns, panel.shape[1]):
            panel[k, n] = 0.0


@internal
def transpose_into(out, matrix):
    """Write the transpose of a matrix with contiguous rows; `out` may be larger."""
    rows, columns = matrix.shape
    unit = vector_length(out)
    whole_rows, whole_columns = rows // unit * unit, columns // unit * unit
    for j in range(0, whole_columns, unit):
        for i in range(0, whole_rows, unit):
            transpose_block(out, matrix, i, j)
    for i in range(rows):
        for j in range(whole_columns if i < whole_rows else 0, columns):
            out[j, i] = matrix[i, j]
