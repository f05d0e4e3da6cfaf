# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""Matrix products of any size and layout, in blocks of depth that stay in cache.

Nothing is padded: what a tile would read or write beyond an edge goes through a small buffer.
"""

import numpy as np

from .compiled import inlined, part
from .products import ROWS, loose, tile_width
from .tiles import multiply_tile, transpose_block
from .vectors import lanes_of, load, store

DEPTH, HEIGHT = 512, 512  # of a block
LINE_BYTES = 64


@part
def gemm(C, A, B, add):
    """Compute C = A @ B, or C += A @ B with `add`; all are `loose`, C's rows dense."""
    M, N, K = C.shape[0], C.shape[1], A.shape[1]
    unit = lanes_of(C)
    width = tile_width(-(-N // unit))
    span = width * unit
    panel = _aligned(min(K, DEPTH), span, C)
    edge = np.empty((ROWS, span), C.dtype)
    dense = B.strides[1] == B.itemsize
    for top in range(0, M, HEIGHT):
        out = C[top : top + HEIGHT]
        for begin in range(0, K, DEPTH):
            depth = min(DEPTH, K - begin)
            factor = A[top : top + HEIGHT, begin : begin + depth]
            more = add or begin > 0
            for n in range(0, N, span):
                columns = min(span, N - n)
                block = B[begin : begin + depth]
                if dense and columns == span:
                    _multiply_columns(out, factor, block, n, n, more, width, edge)
                else:
                    _pack(panel, block[:, n : n + columns])
                    _multiply_columns(out, factor, loose(panel), n, 0, more, width, edge)


@part
def _aligned(rows, columns, like):
    """Return an array that begins where a cache line does."""
    flat = np.empty(rows * columns + LINE_BYTES // like.itemsize, like.dtype)
    skip = (-flat.ctypes.data % LINE_BYTES) // like.itemsize
    return flat[skip : skip + rows * columns].reshape(rows, columns)


@part
def _pack(panel, B):
    """Copy B with dense rows, zeros beside it."""
    depth, columns = B.shape
    if B.strides[0] == B.itemsize:
        transpose_into(panel, B.T)
    else:
        for k in range(depth):
            for n in range(columns):
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
def _multiply_columns(C, A, B, n, column, add, width, edge):
    """Compute a tile's width of C's columns from n on, from those of B from `column` on."""
    M, depth = A.shape
    columns = min(edge.shape[1], C.shape[1] - n)
    whole = columns == edge.shape[1]
    for m in range(0, M - M % ROWS, ROWS):
        if whole:
            _tile(C, A, B, m, n, column, depth, add, width)
        else:
            _tile(loose(edge), A[m : m + ROWS], B, 0, 0, column, depth, False, width)
            _copy_edge(C, m, n, edge, ROWS, columns, add)
    for m in range(M - M % ROWS, M):
        _row(loose(edge), A[m : m + 1], B, column, depth, width)
        _copy_edge(C, m, n, edge, 1, columns, add)


@inlined
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


@inlined
def _tile(C, A, B, m, n, column, depth, add, width):
    if width == 5:
        multiply_tile(C, A, B, m, n, column, depth, add, ROWS, 5)
    elif width == 4:
        multiply_tile(C, A, B, m, n, column, depth, add, ROWS, 4)
    elif width == 3:
        multiply_tile(C, A, B, m, n, column, depth, add, ROWS, 3)
    elif width == 2:
        multiply_tile(C, A, B, m, n, column, depth, add, ROWS, 2)
    else:
        multiply_tile(C, A, B, m, n, column, depth, add, ROWS, 1)


@inlined
def _row(out, A, B, column, depth, width):
    if width == 5:
        multiply_tile(out, A, B, 0, 0, column, depth, False, 1, 5)
    elif width == 4:
        multiply_tile(out, A, B, 0, 0, column, depth, False, 1, 4)
    elif width == 3:
        multiply_tile(out, A, B, 0, 0, column, depth, False, 1, 3)
    elif width == 2:
        multiply_tile(out, A, B, 0, 0, column, depth, False, 1, 2)
    else:
        multiply_tile(out, A, B, 0, 0, column, depth, False, 1, 1)
