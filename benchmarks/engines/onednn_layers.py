"""A layer's forward and backward pass by oneDNN's own primitives for a vanilla RNN.

The weights are kept in float32 in oneDNN's plain layout, and their gradients come in it, too. As
weights change with every update, bringing them into the layout (and for bfloat16 the dtype) of each
pass is part of what is timed. The zero first state is given: without one, the float32 code of
oneDNN 3.2 takes each step's own state for the one before it in the gradient of Whh.

T steps, B lanes, H hidden units and H inputs.
"""

from typing import Any

import numpy as np

from benchmarks.engines.onednn import (
    ANY,
    BF16,
    BIAS,
    DIFF,
    DST_LAYER,
    F32,
    LDGO,
    LDIGO,
    LDNC,
    SRC_ITER,
    SRC_LAYER,
    TNC,
    WEIGHTS_ITER,
    WEIGHTS_LAYER,
    WORKSPACE,
    Onednn,
)
from benchmarks.problems.layer import Layer, LayerProblem


class Float32(Layer):
    """Everything in float32."""

    compute = F32

    def __init__(self, problem: LayerProblem) -> None:
        super().__init__(problem)
        if problem.dtype != "float32":
            raise ValueError(f"oneDNN's layer takes float32, got {problem.dtype}")
        self.onednn = Onednn()
        self._allocate(problem)
        self._build(problem)

    def _allocate(self, problem: LayerProblem) -> None:
        numbers = problem.numbers()
        self.signals, self.bias = numbers["signals"], numbers["bias"]
        self.inputs = numbers["inputs"]
        # Plain layout: inputs by outputs, the transpose of nn.RNN's.
        self.weights = [np.ascontiguousarray(numbers[name].T) for name in ("Wih", "Whh")]
        self.states, self.d_inputs = (np.zeros_like(self.inputs) for _ in range(2))
        self.d_weights = [np.zeros_like(weights) for weights in self.weights]
        self.d_bias = np.zeros_like(self.bias)

    def _build(self, problem: LayerProblem) -> None:
        onednn, T, B, H = self.onednn, problem.T, problem.B, problem.H
        sequence, matrix, vector = (T, B, H), (1, 1, H, 1, H), (1, 1, 1, H)
        of_sequence = onednn.layout(sequence, self.compute, TNC)
        of_gradient = onednn.layout(sequence, F32, TNC)
        of_bias = onednn.layout(vector, F32, LDGO)
        plain = onednn.layout(matrix, F32, LDIGO)
        best = onednn.layout(matrix, self.compute, ANY)
        of_state = onednn.layout((1, 1, B, H), self.compute, LDNC)
        of_d_state = onednn.layout((1, 1, B, H), F32, LDNC)
        given = of_sequence, of_state, best, best, of_bias, of_sequence, None
        forward = onednn.forward(*given)
        backward = onednn.backward(
            forward, *given, of_gradient, of_d_state, plain, plain, of_bias, of_gradient, None
        )
        self.about = onednn.implementation(forward), onednn.implementation(backward)

        inputs = self._converted(of_gradient, of_sequence, self.inputs)
        states = onednn.memory(of_sequence) if self.compute != F32 else None
        if states is None:
            states = onednn.memory(of_sequence, self.states)
        else:
            copied = onednn.memory(of_gradient, self.states)
            self.copy_states = onednn.reorder((of_sequence, states), (of_gradient, copied))
        workspace = onednn.memory(onednn.argument_layout(forward, WORKSPACE))
        shared = {
            SRC_LAYER: inputs,
            SRC_ITER: onednn.memory(of_state),
            BIAS: onednn.memory(of_bias, self.bias),
            DST_LAYER: states,
            WORKSPACE: workspace,
        }
        masters = [onednn.memory(plain, weights) for weights in self.weights]
        gradients = {
            SRC_LAYER + DIFF: onednn.memory(of_gradient, self.d_inputs),
            SRC_ITER + DIFF: onednn.memory(of_d_state),
            WEIGHTS_LAYER + DIFF: onednn.memory(plain, self.d_weights[0]),
            WEIGHTS_ITER + DIFF: onednn.memory(plain, self.d_weights[1]),
            BIAS + DIFF: onednn.memory(of_bias, self.d_bias),
            DST_LAYER + DIFF: onednn.memory(of_gradient, self.signals),
        }
        self.program: list[tuple[Any, ...]] = []
        for description, more in ((forward, {}), (backward, gradients)):
            packed = {}
            for argument, master in zip((WEIGHTS_LAYER, WEIGHTS_ITER), masters, strict=True):
                layout = onednn.argument_layout(description, argument)
                packed[argument] = onednn.memory(layout)
                self.program.append(onednn.reorder((plain, master), (layout, packed[argument])))
            self.program.append(onednn.primitive(description, shared | packed | more))

    def _converted(self, of_array: Any, wanted: Any, array: np.ndarray) -> Any:
        """Return an array's memory in the dtype of the computation."""
        source = self.onednn.memory(of_array, array)
        if self.compute == F32:
            return source
        target = self.onednn.memory(wanted)
        self.onednn.execute(self.onednn.reorder((of_array, source), (wanted, target)))
        return target

    def run(self, units: int) -> None:
        sums = (*self.d_weights, self.d_bias)
        for _ in range(units):
            for array in sums:  # oneDNN adds to them
                array.fill(0.0)
            self.onednn.execute(*self.program)

    def results(self) -> list[np.ndarray]:
        self.run(1)
        of_Wih, of_Whh = (gradient.T.copy() for gradient in self.d_weights)
        return [self.states.copy(), self.d_inputs.copy(), of_Wih, of_Whh, self.d_bias.copy()]


class Bfloat16(Float32):
    """Inputs, states and weights in bfloat16; the bias, all sums and all gradients in float32."""

    compute = BF16

    def results(self) -> list[np.ndarray]:
        found = super().results()
        self.onednn.execute(self.copy_states)
        return [self.states.copy(), *found[1:]]
