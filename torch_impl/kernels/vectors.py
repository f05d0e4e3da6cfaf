"""SIMD vectors as values inside numba functions.

numba leaves vectorisation to LLVM, which does not always succeed and never vectorises tanh or exp.
Here a vector as wide as a register is a value that is loaded, multiplied and added explicitly.
LLVM splits vectors that are wider than the machine's registers, so the code is portable.
"""

import operator

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.datamodel.registry import register_default
from numba.extending import intrinsic, overload

from .registers import REGISTER_BYTES


class Vector(types.Type):
    """A SIMD vector: as many numbers of one float type as a register holds."""

    def __init__(self, scalar: types.Float) -> None:
        self.scalar = scalar
        self.length = REGISTER_BYTES * 8 // scalar.bitwidth
        super().__init__(name=f"Vector({self.length} x {scalar})")

    @property
    def llvm(self) -> ir.VectorType:
        element = ir.DoubleType() if self.scalar.bitwidth == 64 else ir.FloatType()
        return ir.VectorType(element, self.length)

    @property
    def integers(self) -> ir.VectorType:
        return ir.VectorType(ir.IntType(self.scalar.bitwidth), self.length)

    @property
    def mask(self) -> ir.VectorType:
        return ir.VectorType(ir.IntType(1), self.length)


@register_default(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, fe_type.llvm)


class Mask(types.Type):
    """The result of comparing two vectors: a truth value for each element."""

    def __init__(self, vector: Vector) -> None:
        self.vector = vector
        super().__init__(name=f"Mask({vector.name})")


@register_default(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, fe_type.vector.mask)


def broadcast(builder: ir.IRBuilder, scalar: ir.Value, vector: ir.VectorType) -> ir.Value:
    """Emit a vector whose elements all equal the scalar."""
    lone = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.IntType(32)(0))
    first = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(lone, ir.Constant(vector, ir.Undefined), first)


def element_pointer(context, builder, array_type, array, indices) -> ir.Value:
    """Emit the address of an array's element; the indices are not checked."""
    view = context.make_array(array_type)(context, builder, array)
    return cgutils.get_item_pointer(
        context, builder, array_type, view, indices, wraparound=False, boundscheck=False
    )


def vector_type(array: types.Array) -> Vector:
    if not isinstance(array, types.Array) or not isinstance(array.dtype, types.Float):
        raise TypeError(f"expected an array of floats, got {array}")
    return Vector(array.dtype)


def load_at(builder: ir.IRBuilder, pointer: ir.Value, vector: Vector) -> ir.Value:
    """Emit a load that needs only the alignment of a single element."""
    cast = builder.bitcast(pointer, vector.llvm.as_pointer())
    return builder.load(cast, align=vector.scalar.bitwidth // 8, typ=vector.llvm)


def store_at(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value, vector: Vector) -> None:
    """Emit a store that needs only the alignment of a single element."""
    cast = builder.bitcast(pointer, vector.llvm.as_pointer())
    builder.store(value, cast, align=vector.scalar.bitwidth // 8)


@intrinsic
def load(typingctx, array, row, column):
    """Read array[row, column : column + length]; the rows must be contiguous."""
    vector = vector_type(array)

    def emit(context, builder, signature, args):
        pointer = element_pointer(context, builder, array, args[0], args[1:])
        return load_at(builder, pointer, vector)

    return vector(array, types.intp, types.intp), emit


@intrinsic
def store(typingctx, array, row, column, value):
    """Write array[row, column : column + length]; the rows must be contiguous."""
    vector = vector_type(array)

    def emit(context, builder, signature, args):
        pointer = element_pointer(context, builder, array, args[0], args[1:3])
        store_at(builder, args[3], pointer, vector)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector), emit


@intrinsic
def splat(typingctx, like, scalar):
    """Return a vector whose elements all equal the scalar, in the dtype of `like`.

    `like` is a vector or an array.
    """
    vector = like if isinstance(like, Vector) else vector_type(like)

    def emit(context, builder, signature, args):
        return broadcast(builder, args[1], vector.llvm)

    return vector(like, vector.scalar), emit


@intrinsic
def fma(typingctx, a, b, c):
    """Return a * b + c, rounded once; slow where the processor has no fused multiply-add."""

    def emit(context, builder, signature, args):
        return builder.call(fused(builder, a), args)

    return a(a, a, a), emit


def fused(builder: ir.IRBuilder, vector: Vector) -> ir.Function:
    """Declare the function that multiplies and adds with one rounding, whatever the processor."""
    return cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(vector.llvm, [vector.llvm] * 3),
        f"llvm.fma.v{vector.length}f{vector.scalar.bitwidth}",
    )


def _unary(llvm_name: str):
    @intrinsic
    def apply(typingctx, a):
        def emit(context, builder, signature, args):
            name = f"llvm.{llvm_name}.v{a.length}f{a.scalar.bitwidth}"
            function = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(a.llvm, [a.llvm]), name
            )
            return builder.call(function, args)

        return a(a), emit

    return apply


sqrt = _unary("sqrt")
absolute = _unary("fabs")


def _binary(instruction: str):
    @intrinsic
    def apply(typingctx, a, b):
        def emit(context, builder, signature, args):
            return getattr(builder, instruction)(*args)

        return a(a, b), emit

    return apply


_add, _subtract, _multiply, _divide = map(_binary, ("fadd", "fsub", "fmul", "fdiv"))


def _bind(python_operator, function) -> None:
    @overload(python_operator)
    def choose(a, b):
        if isinstance(a, Vector) and a == b:
            return lambda a, b: function(a, b)
        return None


for _operator, _function in (
    (operator.add, _add),
    (operator.sub, _subtract),
    (operator.mul, _multiply),
    (operator.truediv, _divide),
):
    _bind(_operator, _function)


def _comparison(operator_: str):
    @intrinsic
    def apply(typingctx, a, b):
        def emit(context, builder, signature, args):
            return builder.fcmp_ordered(operator_, *args)

        return Mask(a)(a, a), emit

    return apply


# Compare two vectors element by element; false where either is NaN.
greater, at_most = map(_comparison, (">", "<="))


@intrinsic
def anywhere(typingctx, mask):
    """Return whether any element of the mask is true."""

    def emit(context, builder, signature, args):
        bits = ir.IntType(mask.vector.length)
        return builder.icmp_unsigned("!=", builder.bitcast(args[0], bits), bits(0))

    return types.boolean(mask), emit


@intrinsic
def select(typingctx, mask, where_true, where_false):
    """Return where_true where the mask is true, else where_false, element by element."""

    def emit(context, builder, signature, args):
        return builder.select(*args)

    return where_true(mask, where_true, where_true), emit


@intrinsic
def copy_sign(typingctx, magnitude, sign):
    """Return `magnitude` with the signs of `sign`, element by element; a zero's sign counts too."""

    def emit(context, builder, signature, args):
        name = f"llvm.copysign.v{sign.length}f{sign.scalar.bitwidth}"
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(sign.llvm, [sign.llvm] * 2), name
        )
        return builder.call(function, args)

    return sign(sign, sign), emit


@intrinsic
def total(typingctx, a):
    """Return the sum of the elements, added pairwise: the upper half to the lower, repeatedly."""

    def emit(context, builder, signature, args):
        value, width = args[0], a.length
        while width > 1:
            width //= 2
            halves = []
            for first in (0, width):
                order = [ir.IntType(32)(first + element) for element in range(width)]
                mask = ir.Constant(ir.VectorType(ir.IntType(32), width), order)
                halves.append(builder.shuffle_vector(value, value, mask))
            value = builder.fadd(*halves)
        return builder.extract_element(value, ir.IntType(32)(0))

    return a.scalar(a), emit


def vector_length(array) -> int:
    """Return how many of the array's elements make a vector; usable in compiled code only."""
    raise NotImplementedError("compiled code only")


@overload(vector_length)
def _vector_length(array):
    length = vector_type(array).length
    return lambda array: length
