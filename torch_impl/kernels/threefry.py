# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""Threefry-2x32 with 20 rounds: random words that depend on a key and a counter alone.

Each word is computed by itself, from integers modulo 2**32, so it is the same in any order, in any
number of threads and on any processor.

Source: Salmon, Moraes, Dror and Shaw (2011), Parallel Random Numbers: As Easy as 1, 2, 3.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .vectors import broadcast, vector_type

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
ROUNDS = 20
PARITY = 0x1BD11BDA
WORD, PAIR = ir.IntType(32), ir.IntType(64)
SPAN = 32  # units of a row whose words come from 16 counters: unit u and u + 16 from one


def _cipher(builder: ir.IRBuilder, key, counter):
    """Emit the two words of a key and a counter, two words each: numbers, or vectors of them."""
    kind = counter[0].type
    lanes = f"v{kind.count}i32" if isinstance(kind, ir.VectorType) else "i32"
    rotate = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind] * 3), f"llvm.fshl.{lanes}"
    )

    def constant(value: int) -> ir.Constant:
        vector = isinstance(kind, ir.VectorType)
        return ir.Constant(kind, [value] * kind.count if vector else value)

    keys = [*key, builder.xor(builder.xor(*key), constant(PARITY))]
    x, y = (builder.add(word, own) for word, own in zip(counter, keys, strict=False))
    for turn in range(ROUNDS):
        x = builder.add(x, y)
        digits = constant(ROTATIONS[turn % len(ROTATIONS)])
        y = builder.xor(builder.call(rotate, [y, y, digits]), x)
        if turn % 4 == 3:
            n = turn // 4 + 1
            x = builder.add(x, keys[n % 3])
            y = builder.add(y, builder.add(keys[(n + 1) % 3], constant(n)))
    return x, y


def _words(builder: ir.IRBuilder, pair: ir.Value):
    """Emit the lower and the upper half of 64 bits."""
    return builder.trunc(pair, WORD), builder.trunc(builder.lshr(pair, PAIR(32)), WORD)


@intrinsic
def words(typingctx, key, first, second):
    """Return the two words of a counter (first, second), the first in the lower half.

    `key` holds two words in the same way; of first and second only the lower 32 bits count.
    """

    def emit(context, builder, signature, args):
        counter = [builder.trunc(value, WORD) for value in args[1:]]
        low, high = _cipher(builder, _words(builder, args[0]), counter)
        upper = builder.shl(builder.zext(high, PAIR), PAIR(32))
        return builder.or_(upper, builder.zext(low, PAIR))

    return types.int64(types.int64, types.int64, types.int64), emit


@intrinsic
def multipliers(typingctx, like, key, first, threshold, scale):
    """Return two vectors, of the first and the second words of counters (first + 0, 1, …; 0).

    An element is 0 if its word is below `threshold`, otherwise `scale`; the dtype is that of the
    array `like`.
    """
    vector = vector_type(like)

    def emit(context, builder, signature, args):
        _, pair, begin, limit, factor = args
        kind = ir.VectorType(WORD, vector.length)

        def spread(value):
            return broadcast(builder, value, kind)

        steps = ir.Constant(kind, list(range(vector.length)))
        counter = builder.add(spread(builder.trunc(begin, WORD)), steps), ir.Constant(kind, None)
        key = [spread(word) for word in _words(builder, pair)]
        bound = spread(builder.trunc(limit, WORD))
        kept, zero = broadcast(builder, factor, vector.llvm), ir.Constant(vector.llvm, None)
        found = [
            builder.select(builder.icmp_unsigned("<", word, bound), zero, kept)
            for word in _cipher(builder, key, counter)
        ]
        return context.make_tuple(builder, signature.return_type, found)

    numbers = like, types.int64, types.int64, types.int64, vector.scalar
    return types.UniTuple(vector, 2)(*numbers), emit
