# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""Matrix views of memory that the caller owns, made from an address.

Converting a tensor to a NumPy array and unboxing that for a kernel takes longer than a step of a
small layer; passing an integer costs almost nothing. Nothing is checked here: the caller is
responsible for the sizes, the dtype, contiguity, and for keeping the memory alive.
"""

from numba.core import types
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from .compiled import inlined


@intrinsic
def _pointer(typingctx, address, like):
    pointer = types.CPointer(like)

    def emit(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(pointer))

    return pointer(address, like), emit


@inlined
def matrix_at(address, rows, columns, like):
    """Return a row-major view of the memory at `address`, with `like`'s dtype.

    Address 0 stands for an absent tensor and gives a matrix without rows.
    """
    return carray(_pointer(address, like), (rows if address != 0 else 0, columns))
