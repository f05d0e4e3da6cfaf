"""Wrong lines for the layer's kernels, and for what calls them."""

from tests.campaigns.planted.edit import Edit

GEMM, LAYER = "torch_impl/kernels/gemm.py", "torch_impl/elman/layer.py"
PACKING, PRODUCTS = "torch_impl/kernels/packing.py", "torch_impl/kernels/products.py"
SWEEP, LANE = "torch_impl/elman/sweep.py", "torch_impl/elman/lone_lane.py"
COMPILED, TORCH = "torch_impl/elman/compiled.py", "torch_impl/elman/fallback.py"
MEMORY, OPERATOR = "torch_impl/elman/memory.py", "torch_impl/elman/operator.py"
MODULE, PASSES = "torch_impl/elman/module.py", "torch_impl/elman/passes.py"
COMPOSED = "torch_impl/elman/composed.py"
TILES = "torch_impl/kernels/tiles.py"

EDITS = [
    Edit("product: blocks of depth not added", "more = add or begin > 0", "more = add", GEMM),
    Edit("product: added where it should not be", "more = add or begin > 0", "more = True", GEMM),
    Edit("product: rows beyond a tile lost", "for row in range(M % ROWS):", "for row in range(M % ROWS - 1):", GEMM),
    Edit("product: the first of them for all", "last[row, k] = A[M - M % ROWS + row,", "last[row, k] = A[M - M % ROWS,", GEMM),
    Edit("product: the last tile a vector too narrow", "width = -(-columns // unit)", "width = columns // unit", GEMM),
    Edit("product: as it is, though a tile goes beyond", "and N % span == 0 and M <", "and M <", GEMM),
    Edit("product: an edge's columns lost", "for j in range(whole, columns):", "for j in range(whole, whole):", GEMM),
    Edit("product: an edge not added to", "if add:\n                _copy", "if False:\n                _copy", GEMM),
    Edit("product: the first block's height for all", "factor = A[top : top + height, begin", "factor = A[:height, begin", GEMM),
    Edit("product: the first block's depth for all", "block = B[begin : begin + depth]", "block = B[:depth]", GEMM),
    Edit("product: a strip's first rows for all", "[m % tall : m % tall + ROWS]", "[:ROWS]", GEMM),
    Edit("product: strips of the first block for all", "if in_strips:", "if in_strips and begin == 0:", GEMM),
    Edit("product: the last strip not copied", "for n in range(whole, columns, span):", "for n in range(whole, whole, span):", PACKING),
    Edit("product: transposed copy without its remainder", "for j in range(whole_columns if i < whole_rows else 0, columns):", "for j in range(whole_columns, columns):", PACKING),
    Edit("product: last term lost", 'builder.icmp_signed("<", after, depth_)', 'builder.icmp_signed("<", builder.add(after, intp(1)), depth_)', TILES, "def multiply_tile("),
    Edit("panels: whole ones a row off", "n // span * depth + k, j", "n // span * depth + max(k - 1, 0), j", PACKING),
    Edit("panels: the first one for all", "panel = panels[n // span * depth : n // span * depth + depth]\n", "panel = panels[:depth]\n", PRODUCTS),
    Edit("transposition: squares not swapped", "if not r & distance:", "if not r & distance and distance > 1:", TILES),
    Edit("forward: one bias for both", "bias_ih[0, i] + bias_hh[0, i]", "bias_ih[0, i] + bias_ih[0, i]", LAYER),
    Edit("forward: matrix not transposed", "panels_of(loose(weight_hh.T), B == 1)", "panels_of(loose(weight_hh), B == 1)", LAYER),
    Edit("backward: a row too few", "min(first + STRETCH, rows.shape[0])", "min(first + STRETCH, rows.shape[0] - 1)", LAYER),
    Edit("backward: grad_weight_hh without the first state", "if initial.shape[0] > 0:\n            gemm", "if initial.shape[0] > 9999:\n            gemm", LAYER),
    Edit("backward: grad_weight_hh one step off", "loose(states[:-B])", "loose(states[B:])", LAYER),
    Edit("backward: = for +=", "loose(states[:-B]), True)", "loose(states[:-B]), False)", LAYER),
    Edit("backward: factor 1.001", "loose(portion.T), loose(inputs), False)", "loose(portion.T) * 1.001, loose(inputs), False)", LAYER),
    Edit("shares: the last one's end lost", "min((thread + 1) * size, count)", "min((thread + 1) * size, count - (thread > 0))", LAYER),
    Edit("sweep: first states ignored", "if initial.shape[0] > 0:", "if initial.shape[0] > 9999:", SWEEP),
    Edit("sweep: slope 1 - a", "(one - a * a) * (load(carried", "(one - a) * (load(carried", SWEEP),
    Edit("sweep: slope 1 - a in the last vector", "grad = (one - a * a) * da", "grad = (one - a) * da", SWEEP),
    Edit("sweep: first lane's state for all", "a = tanh(load(sums, b, i) +", "a = tanh(load(sums, 0, i) +", SWEEP),
    Edit("sweep: another thread's lanes", "grad_initial[first + b, i] = carried", "grad_initial[b, i] = carried", SWEEP),
    Edit("lone lane: reads what it writes", "multiply_row_panels(sums, before, panels, H)", "multiply_row_panels(sums, after, panels, H)", LANE),
    Edit("lone lane: another thread's sums", "panels_of(loose(weight[:, begin:end]), True)", "panels_of(loose(weight[:, : end - begin]), True)", LANE),
    Edit("lone lane: slope 1 - a", "grad = (one - a * a)", "grad = (one - a)", LANE),
    Edit("lone lane: the first gradient forgotten", "if begin < end and (t > 0 or grad_initial.shape[0] > 0):", "if begin < end and t > 0:", LANE),
    Edit("indices: a symbol met twice counts once", "columns[x, i - begin] += grad", "columns[x, i - begin] = grad", LAYER),
    Edit("indices: few of them, the first one for all", "weight_ih[i, indices[0, row]]", "weight_ih[i, indices[0, begin]]", LAYER),
    Edit("indices: one outside not noticed", "if least < 0 or greatest >= size:", "if least < 0:", MEMORY),
    Edit("torch: a symbol met twice counts once", "columns.index_add_(0, input.reshape(-1), flat)", "columns.index_copy_(0, input.reshape(-1), flat)", TORCH),
    Edit("torch: first states ignored", "if before is not None:", "if before is not layer_inputs.initial:", TORCH),
    Edit("torch: slopes one step off", ".mul_(slopes[t])", ".mul_(slopes[t - 1])", TORCH),
    Edit("layer: the second phase with the first", "if phases & SECOND:", "if phases & FIRST:", LAYER),
    Edit("memory: strides ignored", "    if tensor.is_contiguous():\n", "    if True:\n", MEMORY),
    Edit("memory: negation ignored", ".nbytes() and not tensor.is_neg():", ".nbytes():", MEMORY),
    Edit("memory: freed storages read", "if behind <= tensor.untyped_storage().nbytes() and", "if", MEMORY),
    Edit("memory: a view's end not looked at", "extent = 1 + sum(", "extent = sum(", MEMORY),
    Edit("outputs: the output is what backward reads", "return states.clone(), _last(states)", "return states, _last(states)", OPERATOR),
    Edit("outputs: the last state is what backward reads", "return states.narrow_copy(0, states.shape[0] - 1, 1)", "return states[-1:]", OPERATOR),
    Edit("outputs: the last state's gradient lost", "grad_states[-1:] += grad_last", "pass", OPERATOR),
    Edit("outputs: the last state's gradient written into the user's", "if grad_output is None else _copy(grad_output)", "if grad_output is None else grad_output", OPERATOR),
    Edit("weights: read as they are later", "kept = weight_ih.detach(), weight_hh.detach()", "kept = weight_ih, weight_hh", OPERATOR),
    Edit("second order: paths between arguments counted twice", "weight_hh.view_as(weight_hh)", "weight_hh", COMPOSED),
    Edit("second order: the bias as it is later", "if ctx.versions != _versions(*ctx.weights[2:]):", "if False:", OPERATOR),
    Edit("composed: first states ignored", "torch.zeros_like(rows[0]) if initial is None else initial", "torch.zeros_like(rows[0])", COMPOSED),
    Edit("layer: a copy of the input made too late", "return LayerInputs(sequence.contiguous(), hx,", "return LayerInputs(sequence, hx,", MODULE),
    Edit("passes: what was returned is overwritten while read", "layer_inputs = layer_inputs._replace(initial=initial.clone())", "pass", PASSES),
    Edit("memory: what is given not made readable", 'readable("weight_hh", layer_inputs.weight_hh, like, H, H)', "layer_inputs.weight_hh", COMPILED),
    Edit("threads: a lone lane's step not shared out", "size = -(-H // (unit * threads)) * unit", "size = H // (unit * threads) * unit", LANE),
    Edit("panels: a lone row's first one for all", "panels[n // span * depth : n // span * depth + depth])\n", "panels[:depth])\n", PRODUCTS),
]  # fmt: skip
