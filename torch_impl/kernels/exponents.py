# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""Powers of two in vectors of floats: their exponents are made, and read, as integers."""

from llvmlite import ir
from numba.extending import intrinsic

FORMAT = {64: (52, 1023), 32: (23, 127)}  # bits of the fraction, bias of the exponent, by width


@intrinsic
def power_of_two(typingctx, shifted):
    """Return 2**k, where `shifted` is the integer k plus 1.5 * 2**(mantissa bits).

    2**k must be a normal number.
    """
    bits, bias = FORMAT[shifted.scalar.bitwidth]

    def emit(context, builder, signature, args):
        def constant(value):
            return ir.Constant(shifted.integers, [value] * shifted.length)

        whole = builder.add(builder.bitcast(args[0], shifted.integers), constant(bias))
        return builder.bitcast(builder.shl(whole, constant(bits)), shifted.llvm)

    return shifted(shifted), emit


@intrinsic
def significand(typingctx, a):
    """Return m with a = m 2**k and 1 <= m < 2; `a` must be positive, normal and finite."""
    bits, bias = FORMAT[a.scalar.bitwidth]

    def emit(context, builder, signature, args):
        fraction = ir.Constant(a.integers, [2**bits - 1] * a.length)
        one = ir.Constant(a.integers, [bias << bits] * a.length)
        whole = builder.bitcast(args[0], a.integers)
        return builder.bitcast(builder.or_(builder.and_(whole, fraction), one), a.llvm)

    return a(a), emit


@intrinsic
def exponent(typingctx, a):
    """Return k with a = m 2**k and 1 <= m < 2; `a` must be positive, normal and finite."""
    bits, bias = FORMAT[a.scalar.bitwidth]

    def emit(context, builder, signature, args):
        # k + bias becomes the last digits of 2**bits, from which it is subtracted again.
        shift = ir.Constant(a.integers, [bits] * a.length)
        unit = ir.Constant(a.integers, [bias + bits << bits] * a.length)
        biased = builder.lshr(builder.bitcast(args[0], a.integers), shift)
        shifted = builder.bitcast(builder.or_(biased, unit), a.llvm)
        return builder.fsub(shifted, ir.Constant(a.llvm, [float(2**bits + bias)] * a.length))

    return a(a), emit
