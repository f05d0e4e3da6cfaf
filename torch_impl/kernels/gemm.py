# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""Matrix products of any size and layout, blocked along the inner dimension to stay in cache.

Operands need no padding: a tile that crosses an edge goes through a small buffer. Every entry is
one chain of fused multiply-adds from the first term to the last, whatever the blocks and tiles.
"""

import numpy as np

from .compiled import internal
from .packing import aligned, pack
from .products import ROWS, loose, tile_width
from .tiles import multiply_tile
from .vectors import load, store, vector_length

# Sizes of a block of the left factor: inner dimension, rows, and rows when packed into strips.
# Unpacked, a block should stay in the L2 cache; strips are read sequentially and may come from L3.
DEPTH, HEIGHT, STRIPS_HEIGHT = 512, 192, 512
# The number of tiles that must read the same piece of the left or the right factor before a packed
# copy of it pays off.
LEFT_READERS, RIGHT_READERS = 5, 17


@internal
def gemm(C, A, B, add):
    """Compute C = A @ B, or C += A @ B with `add`.

    All three are `loose` views; the rows of C are contiguous.
    """
    M, N, K = C.shape[0], C.shape[1], A.shape[1]
    unit = vector_length(C)
    span = tile_width(-(-N // unit)) * unit
    tiles = -(-N // span)
    in_strips = M >= ROWS and tiles >= LEFT_READERS and A.strides[1] != A.itemsize
    height = STRIPS_HEIGHT if in_strips else HEIGHT
    tall = max(unit, ROWS)  # rows of a strip: whole tiles, also where a vector holds two numbers
    rows = -(-min(M, height) // tall) * min(K, DEPTH) if in_strips else 0
    strips = aligned(rows, tall, C)
    last, edge = np.zeros((ROWS, min(K, DEPTH)), C.dtype), np.empty((ROWS, span), C.dtype)
    as_it_is = B.strides[1] == B.itemsize and N % span == 0 and M < RIGHT_READERS * ROWS
    panels = aligned(0 if as_it_is else tiles * min(K, DEPTH), span, C)
    for begin in range(0, K, DEPTH):
        depth = min(DEPTH, K - begin)
        block = B[begin : begin + depth]
        more = add or begin > 0
        if not as_it_is:
            pack(panels, block)
        for row in range(M % ROWS):
            for k in range(depth):
                last[row, k] = A[M - M % ROWS + row, begin + k]
        for top in range(0, M, height):
            out = C[top : top + height]
            factor = A[top : top + height, begin : begin + depth]
            if in_strips:
                pack(strips, factor.T)
            for tile in range(tiles):
                n = tile * span
                if as_it_is:
                    _multiply_columns(out, factor, strips, last, block, n, n, more, edge)
                else:
                    panel = loose(panels[tile * depth : tile * depth + depth])
                    _multiply_columns(out, factor, strips, last, panel, n, 0, more, edge)


@internal
def _multiply_columns(C, A, strips, last, B, n, column, add, edge):
    """Compute one tile's width of columns: C[:, n : …] from B[:, column : …].

    `strips`, unless empty, is the packed A; `last` holds the remaining rows of A that do not fill
    a tile, and `edge` buffers tiles that cross an edge of C.
    """
    M, depth = A.shape
    unit = vector_length(edge)
    columns = min(edge.shape[1], C.shape[1] - n)
    width = -(-columns // unit)
    for m in range(0, M, ROWS):
        rows = min(ROWS, M - m)
        factor = A[m : m + ROWS]
        if rows < ROWS:
            factor = loose(last)
        elif strips.shape[0] > 0:
            tall = strips.shape[1]
            strip = m // tall * depth
            factor = loose(strips[strip : strip + depth].T)[m % tall : m % tall + ROWS]
        whole = rows == ROWS and columns == width * unit
        out, target = C[m : m + rows, n : n + columns], C[m : m + ROWS, n:]
        if not whole:
            target = loose(edge)
            if add:
                _copy(target, out)
        if width == 5:
            multiply_tile(target, factor, B, 0, 0, column, depth, add, ROWS, 5)
        elif width == 4:
            multiply_tile(target, factor, B, 0, 0, column, depth, add, ROWS, 4)
        elif width == 3:
            multiply_tile(target, factor, B, 0, 0, column, depth, add, ROWS, 3)
        elif width == 2:
            multiply_tile(target, factor, B, 0, 0, column, depth, add, ROWS, 2)
        else:
            multiply_tile(target, factor, B, 0, 0, column, depth, add, ROWS, 1)
        if not whole:
            _copy(out, target[:rows, :columns])


@internal
def _copy(out, block):
    """Copy a block to the upper left corner of `out`; both have contiguous rows."""
    rows, columns = block.shape
    unit = vector_length(block)
    whole = columns // unit * unit
    for r in range(rows):
        for j in range(0, whole, unit):
            store(out, r, j, load(block, r, j))
        for j in range(whole, columns):
            out[r, j] = block[r, j]
