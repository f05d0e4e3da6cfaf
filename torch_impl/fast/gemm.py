# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""Matrix products of any size and layout, in blocks of depth that stay in cache.

Nothing is padded: what a tile would read or write beyond an edge goes through a small buffer.
"""

import numpy as np

from .compiled import part
from .products import ROWS, loose, tile_width
from .tiles import multiply_tile, transpose_block
from .vectors import lanes_of, load, store

DEPTH, HEIGHT = 512, 512  # of a block
LINE_BYTES = 64
# How many tiles must read a part of a factor, at least, before a packed copy of it pays: of the
# left one, whose copy is as large as a block, and of the right one, whose copy is a tile wide.
LEFT_READERS, RIGHT_READERS = 5, 17


@part
def gemm(C, A, B, add):
    """Compute C = A @ B, or C += A @ B with `add`; all are `loose`, C's rows dense."""
    M, N, K = C.shape[0], C.shape[1], A.shape[1]
    unit = lanes_of(C)
    width = tile_width(-(-N // unit))
    span = width * unit
    panel = _aligned(min(K, DEPTH), span, C)
    tiles = -(-N // span)
    in_strips = M >= ROWS and tiles >= LEFT_READERS and A.strides[1] != A.itemsize
    height = min(M, HEIGHT) if in_strips else 0
    strips = _aligned(-(-height // unit) * min(K, DEPTH), unit, C)
    edge = np.empty((ROWS, span), C.dtype)
    as_it_is = B.strides[1] == B.itemsize and M < RIGHT_READERS * ROWS
    for top in range(0, M, HEIGHT):
        out = C[top : top + HEIGHT]
        for begin in range(0, K, DEPTH):
            depth = min(DEPTH, K - begin)
            factor = A[top : top + HEIGHT, begin : begin + depth]
            if in_strips:
                _cut(strips, factor.T)
            more = add or begin > 0
            for n in range(0, N, span):
                columns = min(span, N - n)
                block = B[begin : begin + depth]
                if as_it_is and columns == span:
                    _multiply_columns(out, factor, strips, block, n, n, more, width, edge)
                else:
                    _pack(panel, block[:, n : n + columns])
                    _multiply_columns(out, factor, strips, loose(panel), n, 0, more, width, edge)


@part
def _aligned(rows, columns, like):
    """Return an array that begins where a cache line does."""
    flat = np.empty(rows * columns + LINE_BYTES // like.itemsize, like.dtype)
    skip = (-flat.ctypes.data % LINE_BYTES) // like.itemsize
    return flat[skip : skip + rows * columns].reshape(rows, columns)


@part
def _cut(strips, B):
    """Copy B in strips a vector wide, one below the other, zeros beside the last one."""
    depth, columns = B.shape
    unit = lanes_of(strips)
    whole = columns // unit * unit if B.strides[1] == B.itemsize else 0
    for k in range(depth):
        for n in range(0, whole, unit):
            store(strips, n // unit * depth + k, 0, load(B, k, n))
    for n in range(whole, columns, unit):
        _pack(strips[n // unit * depth : n // unit * depth + depth], B[:, n : n + unit])


@part
def _pack(panel, B):
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


@part
def _multiply_columns(C, A, strips, B, n, column, add, width, edge):
    """Compute a tile's width of C's columns from n on, from those of B from `column` on.

    `strips`, unless empty, hold A's columns.
    """
    M, depth = A.shape
    unit = lanes_of(edge)
    columns = min(edge.shape[1], C.shape[1] - n)
    whole = columns == edge.shape[1]
    for m in range(0, M - M % ROWS, ROWS):
        factor = A[m : m + ROWS]
        if strips.shape[0] > 0:
            strip = m // unit * depth
            factor = loose(strips[strip : strip + depth].T)[m % unit : m % unit + ROWS]
        out = C[m : m + ROWS, n:] if whole else loose(edge)
        more = add and whole
        if width == 5:
            multiply_tile(out, factor, B, 0, 0, column, depth, more, ROWS, 5)
        elif width == 4:
            multiply_tile(out, factor, B, 0, 0, column, depth, more, ROWS, 4)
        elif width == 3:
            multiply_tile(out, factor, B, 0, 0, column, depth, more, ROWS, 3)
        elif width == 2:
            multiply_tile(out, factor, B, 0, 0, column, depth, more, ROWS, 2)
        else:
            multiply_tile(out, factor, B, 0, 0, column, depth, more, ROWS, 1)
        if not whole:
            _copy_edge(C, m, n, edge, ROWS, columns, add)
    for m in range(M - M % ROWS, M):
        factor, out = A[m : m + 1], loose(edge)
        if width == 5:
            multiply_tile(out, factor, B, 0, 0, column, depth, False, 1, 5)
        elif width == 4:
            multiply_tile(out, factor, B, 0, 0, column, depth, False, 1, 4)
        elif width == 3:
            multiply_tile(out, factor, B, 0, 0, column, depth, False, 1, 3)
        elif width == 2:
            multiply_tile(out, factor, B, 0, 0, column, depth, False, 1, 2)
        else:
            multiply_tile(out, factor, B, 0, 0, column, depth, False, 1, 1)
        _copy_edge(C, m, n, edge, 1, columns, add)


@part
def _copy_edge(C, m, n, edge, rows, columns, add):
    unit = lanes_of(edge)
    whole = columns // unit * unit
    for r in range(rows):
        for j in range(0, whole, unit):
            values = load(edge, r, j)
            if add:
                values = values + load(C, m + r, n + j)
            store(C, m + r, n + j, values)
        for j in range(whole, columns):
            C[m + r, n + j] = edge[r, j] + (C[m + r, n + j] if add else 0.0)
