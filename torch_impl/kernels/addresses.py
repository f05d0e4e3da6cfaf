# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""Matrices in memory that others own, by their addresses.

Turning a tensor into an array, and that into what a kernel sees, takes longer than a step of a
small layer. A number is passed at once. Nothing is checked here: who passes an address answers
for sizes, dtype, contiguity, and for keeping the memory.
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
    """Return what lies there, row after row, as numbers of `like`'s type; no rows at address 0."""
    return carray(_pointer(address, like), (rows if address != 0 else 0, columns))
