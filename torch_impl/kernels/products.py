# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""Matrix products of operands that fit in cache, read in place without packing.

The right factor and the result have contiguous rows of whole vectors (`padding.padded`); the left
factor is read one number at a time.
"""

from .compiled import inlined, internal
from .registers import REGISTERS
from .tiles import multiply_rows, multiply_tile
from .vectors import load, splat, store, vector_length

ROWS = 4
# A tile's sums (ROWS * width vectors, or `width` for one row) must fit into the registers together
# with the factors that are being multiplied.
WIDEST = 5 if REGISTERS == 32 else 3
WIDEST_ROW = 10


@inlined
def loose(matrix):
    """Return a view typed as strided, so that one compiled product takes every layout."""
    return matrix[::1, ::1]


@internal
def multiply(C, A, B, depth, add):
    """Compute C = A[:, :depth] @ B[:depth], or C += with `add`.

    The number of C's rows is a multiple of ROWS; A is a `loose` view.
    """
    length = vector_length(C)
    vectors = C.shape[1] // length
    width = tile_width(vectors)
    for first in range(0, vectors, width):
        n = first * length
        _multiply_columns(C, A, loose(B), n, n, depth, add, min(width, vectors - first))


@internal
def multiply_panels(C, A, panels, depth):
    """Compute C = A[:, :depth] @ B, where `panels` is `packing.panels_of(B)`, B of `depth` rows.

    The number of C's rows is a multiple of ROWS, each row as long as B's in whole vectors; A is a
    `loose` view.
    """
    span = panels.shape[1]
    for n in range(0, C.shape[1], span):
        panel = panels[n // span * depth : n // span * depth + depth]
        width = min(span, C.shape[1] - n) // vector_length(C)
        _multiply_columns(C, A, loose(panel), n, 0, depth, False, width)


@internal
def _multiply_columns(C, A, B, n, column, depth, add, width):
    """Compute `width` vectors of columns: C[:, n : …] from B[:, column : …]."""
    for m in range(0, C.shape[0], ROWS):
        if width == 5:
            multiply_tile(C, A, B, m, n, column, depth, add, ROWS, 5)
        elif width == 4:
            multiply_tile(C, A, B, m, n, column, depth, add, ROWS, 4)
        elif width == 3:
            multiply_tile(C, A, B, m, n, column, depth, add, ROWS, 3)
        elif width == 2:
            multiply_tile(C, A, B, m, n, column, depth, add, ROWS, 2)
        elif width == 1:
            multiply_tile(C, A, B, m, n, column, depth, add, ROWS, 1)


@inlined
def tile_width(vectors):
    """Return the cheapest tile width for rows of `vectors` vectors, in vectors.

    A tile of width w is assumed to cost w + 1: w for its sums and 1 for reading the left factor.
    """
    best, least = 1, 2 * vectors
    for width in range(2, min(WIDEST, vectors) + 1):
        cost = -(-vectors // width) * (width + 1)
        if cost <= least:
            best, least = width, cost
    return best


@internal
def multiply_row(y, x, B, depth, begin, end):
    """Compute columns begin : end of y = x[:, :depth] @ B[:depth] for one row, reading B once.

    They are at least one vector, and whole ones.
    """
    length = vector_length(y)
    vectors = (end - begin) // length
    width = row_width(vectors)
    for tile in range(-(-vectors // width)):
        first = min(tile * width, vectors - width)  # the last tile may overlap the one before
        n = begin + first * length
        _multiply_row_columns(y, x, loose(B), n, n, depth, width)


@internal
def multiply_row_panels(y, x, panels, depth):
    """Compute y = x[:, :depth] @ B for a single row, where `panels` holds B of `depth` rows.

    They are `row_width` vectors wide, and y is as long as all of them.
    """
    span = panels.shape[1]
    for n in range(0, y.shape[1], span):
        panel = loose(panels[n // span * depth : n // span * depth + depth])
        _multiply_row_columns(y, x, panel, n, 0, depth, span // vector_length(y))


@inlined
def row_width(vectors):
    """Return the width of a single row's tiles, in vectors: the fewest tiles of nearly one size."""
    width = -(-vectors // -(-vectors // WIDEST_ROW))
    return width // 2 + 1 if width in (7, 9) else width  # two loops that are not compiled


@internal
def _multiply_row_columns(y, x, B, n, column, depth, width):
    """Compute `width` vectors of columns: y[:, n : …] from B[:, column : …]."""
    if width == 10:
        multiply_tile(y, x, B, 0, n, column, depth, False, 1, 10)
    elif width == 8:
        multiply_tile(y, x, B, 0, n, column, depth, False, 1, 8)
    elif width == 6:
        multiply_tile(y, x, B, 0, n, column, depth, False, 1, 6)
    elif width == 5:
        multiply_tile(y, x, B, 0, n, column, depth, False, 1, 5)
    elif width == 4:
        multiply_tile(y, x, B, 0, n, column, depth, False, 1, 4)
    elif width == 3:
        multiply_tile(y, x, B, 0, n, column, depth, False, 1, 3)
    elif width == 2:
        multiply_tile(y, x, B, 0, n, column, depth, False, 1, 2)
    elif width == 1:
        multiply_tile(y, x, B, 0, n, column, depth, False, 1, 1)


@inlined
def multiply_block(y, W, x, i):
    """Compute y[0, i : i + length] = W[i : i + length] @ x[0], one vector of a product.

    W's rows are padded to whole vectors.
    """
    multiply_rows(y, W, x, i, 0)


@internal
def copy_rows(out, first, rows):
    """Copy all of `rows`, padded to whole vectors, to `out` from row `first` on."""
    for row in range(rows.shape[0]):
        for j in range(0, rows.shape[1], vector_length(rows)):
            store(out, first + row, j, load(rows, row, j))


@internal
def zero_rows(matrix, count):
    for row in range(count):
        for j in range(0, matrix.shape[1], vector_length(matrix)):
            store(matrix, row, j, splat(matrix, 0.0))
