# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""A dense layer's recurrence, compiled: states forward, signals backward, over B lanes.

T steps, B lanes, H hidden units. Sequences are contiguous and unpadded, (T B, H), as users'
tensors are; what is multiplied every step is a padded block of a row a lane. Lanes are
independent, so threads may take some each.
"""

from .compiled import inlined, kernel
from .products import loose, multiply, multiply_block, multiply_row
from .transcendental import tanh
from .vectors import lanes_of, load, splat, store


@inlined
def _load_end(sequence, row, i, scratch):
    """Load what is left of a row from column i on, zeros behind it."""
    store(scratch, 0, 0, splat(scratch, 0.0))
    for column in range(i, sequence.shape[1]):
        scratch[0, column - i] = sequence[row, column]
    return load(scratch, 0, 0)


@inlined
def _store_end(sequence, row, i, scratch, values):
    store(scratch, 0, 0, values)
    for column in range(i, sequence.shape[1]):
        sequence[row, column] = scratch[0, column - i]


@kernel
def sweep_forward(sequence, batch, first, lanes, state, sums, W, scratch):
    """Turn pre-activations without their recurrent part into states, in place.

    Of a batch's lanes those from `first` on are computed, `lanes` of them.
    `state` holds the initial states, padded, and ends as the last ones. W is the recurrent matrix
    where `state` is one row, else its transpose. `scratch` is a row to write to.
    """
    H, unit = sequence.shape[1], lanes_of(sequence)
    whole = H // unit * unit
    for t in range(sequence.shape[0] // batch):
        if state.shape[0] == 1:
            for i in range(0, state.shape[1], unit):
                multiply_block(sums, W, state, i)
        else:
            multiply(sums, loose(state), W, H)
        for b in range(lanes):
            row = t * batch + first + b
            for i in range(0, whole, unit):
                a = tanh(load(sums, b, i) + load(sequence, row, i))
                store(state, b, i, a)
                store(sequence, row, i, a)
            if whole < H:
                a = tanh(load(sums, b, whole) + _load_end(sequence, row, whole, scratch))
                store(state, b, whole, a)
                _store_end(sequence, row, whole, scratch, a)


@kernel
def sweep_backward(signals, states, batch, first, lanes, dh, carried, W, scratch):
    """Turn gradients by the states into gradients by the pre-activations, in place.

    Of a batch's lanes those from `first` on are computed, `lanes` of them.
    `carried` is zero, padded, and ends as the gradient by the initial states.
    """
    H, unit = signals.shape[1], lanes_of(signals)
    whole = H // unit * unit
    one = splat(signals, 1.0)
    for t in range(signals.shape[0] // batch - 1, -1, -1):
        for b in range(lanes):
            row = t * batch + first + b
            for i in range(0, whole, unit):
                a = load(states, row, i)
                signal = (one - a * a) * (load(carried, b, i) + load(signals, row, i))
                store(dh, b, i, signal)
                store(signals, row, i, signal)
            if whole < H:
                a = _load_end(states, row, whole, scratch)
                da = load(carried, b, whole) + _load_end(signals, row, whole, scratch)
                signal = (one - a * a) * da
                store(dh, b, whole, signal)
                _store_end(signals, row, whole, scratch, signal)
        if dh.shape[0] == 1:
            multiply_row(carried, dh, W, H)
        else:
            multiply(carried, loose(dh), W, H)
