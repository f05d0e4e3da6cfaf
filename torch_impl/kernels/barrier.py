# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""A spinning barrier for threads that wait for each other at every time step.

The operating system's barriers are too slow for that.
"""

import os

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .compiled import inlined

APART = 8  # int64 counters per cache line, so that no two threads write to the same line
SPINS = 2000  # polls of the counter before the thread yields its core
GIVEN_UP = 2**62  # value to fill `steps` with when a thread will never arrive


def barrier(threads: int) -> np.ndarray:
    """Return the threads' step counters, all zero, to be passed to `arrive`."""
    return np.zeros(threads * APART, np.int64)


@inlined
def arrive(steps, step, thread, threads):
    """Publish that this thread has completed `step` steps, then wait until all others have."""
    _publish(steps, thread * APART, step)
    for other in range(threads):
        if other != thread:
            _wait_for(steps, other * APART, step)


@intrinsic
def _publish(typingctx, steps, place, step):
    """Set steps[place] with release semantics: after all earlier writes of this thread."""

    def emit(context, builder, signature, args):
        pointer = _pointer(context, builder, steps, args)
        builder.store_atomic(args[2], pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(steps, types.intp, types.int64), emit


@intrinsic
def _wait_for(typingctx, steps, place, step):
    """Spin until steps[place] >= step, with acquire semantics.

    All that the other thread wrote before it set the counter is then visible.
    """

    def emit(context, builder, signature, args):
        pointer = _pointer(context, builder, steps, args)
        i64 = ir.IntType(64)
        before = builder.block
        loop = builder.append_basic_block("wait")
        late = builder.append_basic_block("late")
        done = builder.append_basic_block("arrived")
        builder.branch(loop)
        builder.position_at_end(loop)
        spins = builder.phi(i64)
        spins.add_incoming(i64(0), before)
        seen = builder.load_atomic(pointer, "acquire", 8, typ=i64)
        builder.cbranch(builder.icmp_signed(">=", seen, args[2]), done, late)
        builder.position_at_end(late)
        if os.name == "posix":
            with builder.if_then(builder.icmp_signed(">", spins, i64(SPINS))):
                kind = ir.FunctionType(ir.IntType(32), [])
                builder.call(
                    cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), []
                )
        spins.add_incoming(builder.add(spins, i64(1)), builder.block)
        builder.branch(loop)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(steps, types.intp, types.int64), emit


def _pointer(context, builder, steps, args):
    view = context.make_array(steps)(context, builder, args[0])
    return cgutils.get_item_pointer(context, builder, steps, view, [args[1]], wraparound=False)
