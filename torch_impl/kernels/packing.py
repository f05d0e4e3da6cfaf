# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""Copies of a product's factors, laid out in the order in which its inner loop reads them.

A panel is as wide as a tile and holds some columns of the right factor, a row after the other. In
the matrix itself those rows may each lie in a page of their own.
"""

import numpy as np

from .compiled import part
from .products import tile_width
from .tiles import transpose_block
from .vectors import lanes_of, load, store

LINE_BYTES = 64


@part
def panels_of(B):
    """Return all columns of B in panels, one below the other; B is `loose`."""
    unit = lanes_of(B)
    span = tile_width(-(-B.shape[1] // unit)) * unit
    panels = aligned(-(-B.shape[1] // span) * B.shape[0], span, B)
    pack(panels, B)
    return panels


@part
def aligned(rows, columns, like):
    """Return an array that begins where a cache line does."""
    flat = np.empty(rows * columns + LINE_BYTES // like.itemsize, like.dtype)
    skip = (-flat.ctypes.data % LINE_BYTES) // like.itemsize
    return flat[skip : skip + rows * columns].reshape(rows, columns)


@part
def pack(panels, B):
    """Copy all columns of B to panels, one below the other, zeros beside the last one."""
    depth, columns = B.shape
    unit, span = lanes_of(panels), panels.shape[1]
    whole = columns // span * span if B.strides[1] == B.itemsize else 0
    for k in range(depth):  # row by row: each is read from end to end
        for n in range(0, whole, span):
            for j in range(0, span, unit):
                store(panels, n // span * depth + k, j, load(B, k, n + j))
    for n in range(whole, columns, span):
        _pack_panel(panels[n // span * depth : n // span * depth + depth], B[:, n : n + span])


@part
def _pack_panel(panel, B):
    """Copy B with dense rows, zeros beside it."""
    depth, columns = B.shape
    if B.strides[0] == B.itemsize:
        transpose_into(panel, B.T)
    else:
        unit = lanes_of(panel)
        whole = columns // unit * unit if B.strides[1] == B.itemsize else 0
        for k in range(depth):
            for n in range(0, whole, unit):
                store(panel, k, n, load(B, k, n))
            for n in range(whole, columns):
                panel[k, n] = B[k, n]
    for k in range(depth):
        for n in range(columns, panel.shape[1]):
            panel[k, n] = 0.0


@part
def transpose_into(out, matrix):
    """Write the transposed of a matrix with dense rows; `out` may be larger."""
    rows, columns = matrix.shape
    unit = lanes_of(out)
    whole_rows, whole_columns = rows // unit * unit, columns // unit * unit
    for j in range(0, whole_columns, unit):
        for i in range(0, whole_rows, unit):
            transpose_block(out, matrix, i, j)
    for i in range(rows):
        for j in range(whole_columns if i < whole_rows else 0, columns):
            out[j, i] = matrix[i, j]
