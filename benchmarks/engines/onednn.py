"""The few functions of oneDNN that its recurrent layer needs, called through its C interface.

The numbers below are those of the C headers, which are the same for every release of oneDNN 3.
N dimensions.
"""

import ctypes
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, files
from typing import Any

import numpy as np

from benchmarks.harness.absence import AbsentError

PACKAGE = "onednn-cpu-gomp"
UNIMPLEMENTED = 3
F32, BF16 = 3, 2
# Layouts: t steps, n lanes, c channels; l layers, d directions, i inputs, g gates, o outputs.
TNC, LDNC, LDIGO, LDGO, ANY = 4, 5, 6, 5, 1
TRAINING, BACKWARD = 64, 128
TANH, LEFT_TO_RIGHT, CPU, IN_ORDER = 33, 1, 1, 1
SRC_LAYER, SRC_ITER, DST_LAYER, WEIGHTS_LAYER, WEIGHTS_ITER, BIAS, WORKSPACE = (
    1,
    2,
    17,
    33,
    34,
    41,
    64,
)
DIFF = 128  # added to an argument: its gradient
FROM, TO = 1, 17
ARGUMENT_LAYOUT, IMPLEMENTATION = 255, 8  # queries


class Argument(ctypes.Structure):
    _fields_ = (("argument", ctypes.c_int), ("memory", ctypes.c_void_p))


def library() -> ctypes.CDLL:
    """Load oneDNN. Raises AbsentError if it isn't installed."""
    try:
        found = [path for path in files(PACKAGE) or [] if path.name == "libdnnl.so.3"]
    except PackageNotFoundError as error:
        raise AbsentError(f"oneDNN is not installed (pip install {PACKAGE})") from error
    if not found:
        raise AbsentError(f"{PACKAGE} has no libdnnl.so.3 for this system")
    return ctypes.CDLL(str(found[0].locate()))


class Onednn:
    """An engine and a stream on the processor."""

    def __init__(self) -> None:
        self._library = library()
        self._arrays: list[np.ndarray] = []  # memory objects don't keep their arrays alive
        self.engine = self._make("engine_create", ctypes.c_int(CPU), ctypes.c_size_t(0))
        self.stream = self._make("stream_create", self.engine, ctypes.c_uint(IN_ORDER))

    def call(self, function: str, *arguments: Any) -> None:
        """Call a function. Raises AbsentError for what oneDNN can't do on this processor."""
        status = getattr(self._library, f"dnnl_{function}")(*arguments)
        if status == UNIMPLEMENTED:
            raise AbsentError(f"oneDNN has no {function} of this kind for this processor")
        if status:
            raise RuntimeError(f"dnnl_{function} returned status {status}")

    def _make(self, function: str, *arguments: Any) -> ctypes.c_void_p:
        made = ctypes.c_void_p()
        self.call(function, ctypes.byref(made), *arguments)
        return made

    def layout(self, shape: Sequence[int], dtype: int, tag: int) -> ctypes.c_void_p:
        """Describe an array; with ANY, a primitive chooses the order of its entries."""
        sizes = (ctypes.c_int64 * len(shape))(*shape)
        return self._make("memory_desc_create_with_tag", len(shape), sizes, dtype, tag)

    def memory(self, layout: ctypes.c_void_p, array: np.ndarray | None = None) -> ctypes.c_void_p:
        """Return memory of this layout: the array's own, or new one filled with zeros."""
        size = self._library.dnnl_memory_desc_get_size
        size.restype = ctypes.c_size_t
        needed = size(layout)
        kept = np.zeros(needed, np.uint8) if array is None else array
        if kept.nbytes != needed:
            raise ValueError(f"the layout takes {needed} bytes, got an array of {kept.nbytes}")
        self._arrays.append(kept)
        handle = ctypes.c_void_p(kept.ctypes.data)
        return self._make("memory_create", layout, self.engine, handle)

    def argument_layout(self, description: ctypes.c_void_p, argument: int) -> ctypes.c_void_p:
        """Return the layout that a primitive chose for one of its arguments."""
        query = self._library.dnnl_primitive_desc_query_md
        query.restype = ctypes.c_void_p
        return ctypes.c_void_p(query(description, ARGUMENT_LAYOUT, argument))

    def implementation(self, description: ctypes.c_void_p) -> str:
        """Return oneDNN's name for the code that a primitive runs."""
        name = ctypes.c_char_p()
        self.call("primitive_desc_query", description, IMPLEMENTATION, 0, ctypes.byref(name))
        return (name.value or b"").decode()

    def forward(self, *layouts: ctypes.c_void_p | None) -> ctypes.c_void_p:
        """Describe the forward pass of a layer, in training."""
        return self._describe("forward", TRAINING, layouts, None)

    def backward(self, hint: ctypes.c_void_p, *layouts: ctypes.c_void_p | None) -> ctypes.c_void_p:
        """Describe the backward pass that belongs to a described forward pass."""
        return self._describe("backward", BACKWARD, layouts, hint)

    def _describe(
        self,
        which: str,
        kind: int,
        layouts: Sequence[ctypes.c_void_p | None],
        hint: ctypes.c_void_p | None,
    ) -> ctypes.c_void_p:
        slopes = ctypes.c_uint(0), ctypes.c_float(0.0), ctypes.c_float(0.0)  # flags, alpha, beta
        hints = [] if hint is None else [hint]
        return self._make(
            f"vanilla_rnn_{which}_primitive_desc_create",
            self.engine, kind, TANH, LEFT_TO_RIGHT, *layouts, *slopes, *hints, None,
        )  # fmt: skip

    def primitive(
        self, description: ctypes.c_void_p, memories: Mapping[int, ctypes.c_void_p]
    ) -> tuple[Any, ...]:
        """Return the arguments of `primitive_execute` for a described primitive."""
        made = self._make("primitive_create", description)
        arguments = (Argument * len(memories))(
            *(Argument(argument, memory.value) for argument, memory in memories.items())
        )
        return made, self.stream, len(memories), arguments

    def reorder(
        self,
        source: tuple[ctypes.c_void_p, ctypes.c_void_p],
        target: tuple[ctypes.c_void_p, ctypes.c_void_p],
    ) -> tuple[Any, ...]:
        """Return the same for copying memory into another layout; each is (layout, memory)."""
        description = self._make(
            "reorder_primitive_desc_create",
            source[0], self.engine, target[0], self.engine, None,
        )  # fmt: skip
        return self.primitive(description, {FROM: source[1], TO: target[1]})

    def execute(self, *primitives: tuple[Any, ...]) -> None:
        """Execute them one after another, and wait for the last."""
        for one in primitives:
            self.call("primitive_execute", *one)
        self.call("stream_wait", self.stream)
