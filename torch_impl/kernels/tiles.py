"""The two inner loops of every matrix product, with their sums kept in registers.

They are written in LLVM IR because a loop in Python does not reliably keep a block of sums in
registers. Sizes are not checked here; call the functions of `products` instead.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .registers import REGISTERS
from .vectors import Vector, broadcast, element_pointer, fused, load_at, store_at

CHAIN_BYTES = 64  # of an entry's partial sums, whatever the registers' width
SUMS = REGISTERS // 2  # vectors of partial sums kept in registers


@intrinsic
def multiply_tile(typingctx, C, A, B, m, n, column, depth, add, rows, width):
    """Compute the tile of C at C[m, n] as A[m : m + rows, :depth] @ B[:depth, column : …].

    It is `width` vectors wide. With `add` the product is added to C. `rows` and `width` must be
    literals: they fix how many sums are kept in registers.
    """
    if not isinstance(rows, types.IntegerLiteral) or not isinstance(width, types.IntegerLiteral):
        return None
    vector = Vector(C.dtype)
    R, W = rows.literal_value, width.literal_value

    def emit(context, builder, signature, args):
        C_, A_, B_, m_, n_, column_, depth_, add_, _, _ = args
        intp = m_.type

        def at(kind, array, row, column):
            return element_pointer(context, builder, kind, array, (row, column))

        a_view = context.make_array(A)(context, builder, A_)
        b_view = context.make_array(B)(context, builder, B_)
        a_row, a_step = cgutils.unpack_tuple(builder, a_view.strides)
        b_step = cgutils.unpack_tuple(builder, b_view.strides)[0]
        byte = ir.IntType(8).as_pointer()
        a_start = builder.bitcast(at(A, A_, m_, intp(0)), byte)
        b_start = builder.bitcast(at(B, B_, intp(0), column_), byte)
        i8 = ir.IntType(8)

        def skip(pointer, offset):
            return builder.gep(pointer, [offset], source_etype=i8)

        number = context.get_value_type(C.dtype)
        zero = ir.Constant(vector.llvm, [0.0] * vector.length)
        places = [
            [
                at(C, C_, builder.add(m_, intp(r)), builder.add(n_, intp(w * vector.length)))
                for w in range(W)
            ]
            for r in range(R)
        ]
        first = [
            [builder.select(add_, load_at(builder, place, vector), zero) for place in row]
            for row in places
        ]
        before = builder.block
        loop = builder.append_basic_block("depth")
        done = builder.append_basic_block("stored")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(intp)
        k.add_incoming(intp(0), before)
        a = builder.phi(byte)
        a.add_incoming(a_start, before)
        b = builder.phi(byte)
        b.add_incoming(b_start, before)
        sums = [[builder.phi(vector.llvm) for _ in range(W)] for _ in range(R)]
        factors = [
            load_at(builder, skip(b, intp(w * vector.length * vector.scalar.bitwidth // 8)), vector)
            for w in range(W)
        ]
        fma = fused(builder, vector)
        for r in range(R):
            pointer = skip(a, builder.mul(a_row, intp(r)))
            lone = builder.load(builder.bitcast(pointer, number.as_pointer()), typ=number)
            spread = broadcast(builder, lone, vector.llvm)
            for w in range(W):
                sums[r][w].add_incoming(first[r][w], before)
                grown = builder.call(fma, [spread, factors[w], sums[r][w]])
                sums[r][w].add_incoming(grown, loop)
        after = builder.add(k, intp(1))
        k.add_incoming(after, loop)
        a.add_incoming(skip(a, a_step), loop)
        b.add_incoming(skip(b, b_step), loop)
        builder.cbranch(builder.icmp_signed("<", after, depth_), loop, done)
        builder.position_at_end(done)
        for r in range(R):
            for w in range(W):
                store_at(builder, sums[r][w].incomings[1][0], places[r][w], vector)
        return context.get_dummy_value()

    intp = types.intp
    return types.void(C, A, B, intp, intp, intp, intp, types.boolean, rows, width), emit


@intrinsic
def multiply_rows(typingctx, y, W, x, i, row):
    """Compute y[row, i : i + length] = W[i : i + length, :] @ x[row, :] over all columns of W.

    One vector's worth of rows at once, so that they share the sums across the vectors' elements.
    An entry has a partial sum for each number in CHAIN_BYTES, added pairwise at the end: its upper
    half to its lower, repeatedly. W's columns are a multiple of them.
    """
    vector = Vector(W.dtype)
    length = vector.length
    parts = CHAIN_BYTES * 8 // vector.scalar.bitwidth // length  # vectors of partial sums an entry
    together = min(length, SUMS // parts)  # rows whose sums fit into the registers

    def emit(context, builder, signature, args):
        y_, W_, x_, i_, row_ = args
        intp = i_.type
        view = context.make_array(W)(context, builder, W_)
        columns = cgutils.unpack_tuple(builder, view.shape)[1]
        fma = fused(builder, vector)

        def summed(rows):
            """Emit the loop over the columns; return a vector of partial sums for each row."""
            before = builder.block
            loop = builder.append_basic_block("columns")
            done = builder.append_basic_block("summed")
            builder.branch(loop)
            builder.position_at_end(loop)
            k = builder.phi(intp)
            k.add_incoming(intp(0), before)
            sums = [[builder.phi(vector.llvm) for _ in range(parts)] for _ in rows]
            at = [builder.add(k, intp(part * length)) for part in range(parts)]
            factors = [
                load_at(builder, element_pointer(context, builder, x, x_, (row_, k_)), vector)
                for k_ in at
            ]
            for r, own in zip(rows, sums, strict=True):
                for part in range(parts):
                    place = (builder.add(i_, intp(r)), at[part])
                    pointer = element_pointer(context, builder, W, W_, place)
                    terms = load_at(builder, pointer, vector), factors[part], own[part]
                    own[part].add_incoming(ir.Constant(vector.llvm, [0.0] * length), before)
                    own[part].add_incoming(builder.call(fma, terms), loop)
            after = builder.add(k, intp(parts * length))
            k.add_incoming(after, loop)
            builder.cbranch(builder.icmp_signed("<", after, columns), loop, done)
            builder.position_at_end(done)
            return [_halved(builder, [phi.incomings[1][0] for phi in own]) for own in sums]

        grown = []
        for first in range(0, length, together):
            grown += summed(range(first, first + together))
        # Fold pairs of vectors into one until element r is the sum over row r's vector.
        distance = length // 2
        while distance:
            half = len(grown) // 2
            grown = [
                _fold(builder, grown[r], grown[r + half], length, distance) for r in range(half)
            ]
            distance //= 2
        pointer = element_pointer(context, builder, y, y_, (row_, i_))
        store_at(builder, grown[0], pointer, vector)
        return context.get_dummy_value()

    return types.void(y, W, x, types.intp, types.intp), emit


def _halved(builder, values: list) -> Any:
    """Emit the sum of vectors: the upper half to the lower, repeatedly."""
    while len(values) > 1:
        half = len(values) // 2
        values = [builder.fadd(values[v], values[v + half]) for v in range(half)]
    return values[0]


def _fold(builder, a, b, length: int, distance: int) -> Any:
    """Emit the sums of elements `distance` apart: of `a` where that index bit is 0, else of `b`."""
    i32 = ir.IntType(32)
    low, high = [], []
    for element in range(length):
        first, second = (
            (element, element + distance)
            if not element & distance
            else (length + element - distance, length + element)
        )
        low.append(i32(first))
        high.append(i32(second))
    shape = ir.VectorType(i32, length)
    return builder.fadd(
        builder.shuffle_vector(a, b, ir.Constant(shape, low)),
        builder.shuffle_vector(a, b, ir.Constant(shape, high)),
    )


@intrinsic
def transpose_block(typingctx, out, matrix, i, j):
    """Write the transpose of matrix[i : i + length, j : j + length] to `out` at out[j, i].

    Both have contiguous rows.
    """
    vector = Vector(matrix.dtype)
    length = vector.length

    def emit(context, builder, signature, args):
        out_, matrix_, i_, j_ = args
        intp = i_.type
        rows = []
        for r in range(length):
            place = (builder.add(i_, intp(r)), j_)
            rows.append(
                load_at(builder, element_pointer(context, builder, matrix, matrix_, place), vector)
            )
        distance = length // 2
        while distance:  # swap upper right and lower left squares, halving their size each time
            for r in range(length):
                if not r & distance:
                    a, b = rows[r], rows[r + distance]
                    rows[r] = _interleaved(builder, a, b, length, distance, 0)
                    rows[r + distance] = _interleaved(builder, a, b, length, distance, distance)
            distance //= 2
        for r in range(length):
            place = (builder.add(j_, intp(r)), i_)
            store_at(builder, rows[r], element_pointer(context, builder, out, out_, place), vector)
        return context.get_dummy_value()

    return types.void(out, matrix, types.intp, types.intp), emit


def _interleaved(builder, a, b, length: int, distance: int, offset: int) -> Any:
    """Emit runs of `distance` elements, alternately of `a` and `b`, each starting at `offset`."""
    order = [
        element + offset if not element & distance else length + element - distance + offset
        for element in range(length)
    ]
    mask = ir.Constant(ir.VectorType(ir.IntType(32), length), [ir.IntType(32)(o) for o in order])
    return builder.shuffle_vector(a, b, mask)
