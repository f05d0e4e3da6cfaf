"""Wrong lines for the compiled optimizers, the clips of finished gradients, and the learned state."""

from tests.campaigns.planted.edit import Edit

RULES, LOOP = "torch_impl/fast/rules.py", "torch_impl/fast/iterations.py"
GRADIENTS, STATE = "torch_impl/fast/gradients.py", "bptt/training/optimizers.py"
LAYOUT = "torch_impl/fast/layout.py"

EDITS = [
    Edit("adagrad: epsilon outside the root", "sqrt(total + splat(g, EPSILON))", "(sqrt(total) + splat(g, 1e3 * EPSILON))", RULES),
    Edit("adagrad: earlier sums forgotten", "load(sums, row, j) + g * g", "g * g", RULES),
    Edit("sgd: gradient dampened", "load(buffer, 0, j) + g\n", "load(buffer, 0, j) + splat(w, 1.0 - rule.momentum) * g\n", RULES),
    Edit("sgd: momentum not kept", "store(buffer, 0, j, g)", "store(buffer, 0, j, load(buffer, 0, j))", RULES),
    Edit("sgd: decay with the wrong sign", "+ splat(w, rule.weight_decay) * w\n        if", "- splat(w, rule.weight_decay) * w\n        if", RULES),
    Edit("sgd: decay after the momentum", "load(gradients, 0, j) + splat(w, rule.weight_decay) * w\n        if", "load(gradients, 0, j)\n        if", RULES),
    Edit("rmsprop: mean of gradients", "splat(w, 1.0 - ALPHA) * g * g", "splat(w, 1.0 - ALPHA) * g", RULES),
    Edit("rmsprop: other mean", "ALPHA = 0.99 ", "ALPHA = 0.9 ", RULES),
    Edit("rmsprop: mean not kept", "store(squares, 0, j, mean)", "store(squares, 0, j, load(squares, 0, j))", RULES),
    Edit("rmsprop: decay forgotten", "+ splat(w, rule.weight_decay) * w\n        mean", "\n        mean", RULES),
    Edit("adam: squares not corrected", "root = math.sqrt(1.0 - power(BETA2, step))", "root = 1.0", RULES),
    Edit("adam: means not corrected", "own_rate = rate / (1.0 - power(BETA1, step))", "own_rate = rate", RULES),
    Edit("adam: correction a step late", "power(BETA1, step)", "power(BETA1, step + 1)", RULES),
    Edit("adam: one correction for both", "power(BETA2, step)", "power(BETA1, step)", RULES),
    Edit("adam: mean not kept", "store(means, 0, j, mean)", "store(means, 0, j, load(means, 0, j))", RULES),
    Edit("adam: squares not kept", "store(squares, 0, j, square)", "store(squares, 0, j, load(squares, 0, j))", RULES),
    Edit("adam: decay forgotten", "added = rule.weight_decay if", "added = 0.0 if", RULES),
    Edit("adamw: decay through the gradient", "rule.weight_decay if rule.kind == ADAM else 0.0", "rule.weight_decay", RULES),
    Edit("adamw: decay without the rate", "1.0 - rate * rule.weight_decay", "1.0 - rule.weight_decay", RULES),
    Edit("powers: squares of the wrong digits", "if exponent % 2 == 1:", "if exponent % 2 == 0:", RULES),
    Edit("norm: without the initial state", " + _sum_of_squares(gradients.a0))", ")", RULES),
    Edit("norm: initial state not scaled", "_clip_finished(gradients.a0, columns, rule, factor)", "_clip_finished(gradients.a0, columns, rule, 1.0)", RULES),
    Edit("norm: a chain lost", "for chain in range(CHAINS):", "for chain in range(1, CHAINS):", RULES),
    Edit("norm: halves not added", "sums[chain] += sums[chain + width]", "sums[chain] += 0.0", RULES),
    Edit("norm: its square", "norm = math.sqrt(_sum", "norm = (_sum", RULES),
    Edit("value: initial state not bounded", "    _clip_finished(gradients.a0, columns, rule, factor)\n", "", RULES),
    Edit("initial state: steps counted with the others", "int(steps[1])", "int(steps[0])", RULES),
    Edit("initial state: learned in every window", "learns = begins and rule", "learns = rule", LOOP),
    Edit("initial state: begins no section", "copy_rows(work.states, lane, weights.a0)", "copy_rows(work.states, lane, gradients.a0)", LOOP),
    Edit("initial state: begins the first lane's section only", "for lane in range(lanes):\n                    copy_rows(work", "for lane in range(1):\n                    copy_rows(work", LOOP),
    Edit("initial state: an old gradient in the norm", "        zero_rows(gradients.a0, 1)\n", "", LOOP),
    Edit("initial state: gradient of the first lane", "for b in range(lanes):", "for b in range(1):", GRADIENTS),
    Edit("initial state: gradient of a step later", "work.dh[lane : lane + lanes]\n", "work.dh[lane + lanes : lane + 2 * lanes]\n", GRADIENTS),
    Edit("rates: the first one for all", "rates[iteration]", "rates[0]", LOOP),
    Edit("parts: an old gradient of the initial state", "        self._gradients.a0.zero_()\n", "", STATE),
    Edit("threads: a row's last columns left out", "size = -(-row.shape[1] // (team.threads * line)) * line", "size = row.shape[1] // (team.threads * line) * line", RULES),
    Edit("threads: all of them count the step", "    if team.thread == 0:\n        steps[0] = step", "    steps[0] += 1.0", RULES),
    Edit("threads: a lane's gradient of the initial state at another's place", "work.carried[lane : lane + lanes], work", "work.carried[0:lanes], work", GRADIENTS),
    Edit("storage: the last rows left out", "- arrays[-1].size]", "- 2 * arrays[-1].size]", LAYOUT),
]  # fmt: skip
