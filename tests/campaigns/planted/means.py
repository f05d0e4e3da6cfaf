"""Wrong lines for dropout and its masks, and for the average of the weights."""

from tests.campaigns.planted.edit import Edit

DROPOUT, FORWARD = "torch_impl/fast/dropout.py", "torch_impl/fast/forward.py"
BACKWARD, GRADIENTS = "torch_impl/fast/backward.py", "torch_impl/fast/gradients.py"
CLIP, LOOP = "torch_impl/fast/running_clip.py", "torch_impl/fast/iterations.py"
RULES, THREEFRY = "torch_impl/fast/rules.py", "torch_impl/kernels/threefry.py"
TRAINING = "torch_impl/fast/training.py"
PARTS, STATE = "bptt/training/loop.py", "bptt/training/state.py"
SCHEDULE, SESSION = "bptt/training/schedule.py", "bptt/sessions/session.py"
CARRIED = "load(work.carried, b, i) * load(work.kept, b, i)"

EDITS = [
    Edit("output: no mask on the way back", "        mask_from_logits(work, first, last)\n", "", BACKWARD),
    Edit("output: no mask on the way", "_mask_row(work.read, row, work.states, row, work, n % B, step, work.dropout.output)", "work.read[row] = work.states[row]", DROPOUT),
    Edit("output: the mask of the step before on the way back", "n % B, n // B + 1, work", "n % B, n // B, work", DROPOUT),
    Edit("output: the first lane's mask for all", "work, n % B, step, work", "work, 0, step, work", DROPOUT),
    Edit("output: Wya's gradient from unmasked states", "after = work.read[B:]", "after = work.states[B:]", BACKWARD),
    Edit("output: Wya's gradient from unmasked states, blocks", "work.read[work.carried.shape[0] :]", "work.states[work.carried.shape[0] :]", BACKWARD),
    Edit("recurrent: no mask on the way back", "            mask_carried(work)\n", "", BACKWARD),
    Edit("recurrent: no mask on the initial state's gradient", "    mask_carried(work)\n", "", GRADIENTS),
    Edit("recurrent: no mask on the initial state", "load(work.states, b, i) * load(work.kept, b, i)", "load(work.states, b, i)", DROPOUT),
    Edit("recurrent: no mask after a step", "a * load(work.kept, lane + b, i)", "a", FORWARD),
    Edit("recurrent: the first lane's mask for all", "load(work.kept, lane + b, i)", "load(work.kept, 0, i)", FORWARD),
    Edit("recurrent: another lane's mask on the way back", CARRIED, CARRIED.replace("kept, b", "kept, b - lane"), DROPOUT),
    Edit("recurrent: threads mask a lone lane's units twice", "work.columns if work.carried.shape[0] == 1 else (0, work.carried.shape[1])", "(0, work.carried.shape[1])", DROPOUT),
    Edit("recurrent: masked states are carried on", "copy_rows(hidden, 0, work.states[T * B :])", "copy_rows(hidden, 0, work.recurrent[T * B :])", LOOP),
    Edit("recurrent: Wha's gradient from unmasked states", "work.recurrent[:N][::-1], N", "work.states[:N][::-1], N", BACKWARD),
    Edit("recurrent: Wha's gradient from unmasked states, blocks", "dh_by_unit, work.recurrent", "dh_by_unit, work.states", BACKWARD),
    Edit("recurrent: fold of unmasked states", "row + r, work.recurrent, T", "row + r, work.states, T", BACKWARD),
    Edit("recurrent: the output's rate", "RECURRENT, work.dropout.recurrent", "RECURRENT, work.dropout.output", DROPOUT),
    Edit("kept states not enlarged", "1.0 / (1.0 - rate)", "1.0", DROPOUT),
    Edit("kept states enlarged by the other part", "1.0 / (1.0 - rate)", "1.0 / (1e-9 + rate)", DROPOUT),
    Edit("reach of dWha not enlarged", "reach * splat(reach, scale))", "reach)", CLIP),
    Edit("reach of dWya not enlarged", "total(reach * splat(reach, scale_y))", "total(reach)", CLIP),
    Edit("masks: the first iteration's for a whole call", "completed + iteration + 1", "completed + 1", LOOP),
    Edit("masks: no seed", "work.dropout.seed |", "0 |", DROPOUT),
    Edit("masks: no iteration", " | (work.iteration[0] << 32)", "", DROPOUT),
    Edit("masks: the first words twice", "* second)", "* first)", DROPOUT),
    Edit("masks: other counters", "block // 2 + place", "block + place", DROPOUT),
    Edit("masks: fewer rounds", "ROUNDS = 20", "ROUNDS = 16", THREEFRY),
    Edit("masks: another parity", "0x1BD11BDA", "0x1BD11BDB", THREEFRY),
    Edit("masks: signed words", "icmp_unsigned", "icmp_signed", THREEFRY),
    Edit("masks: a key too early", "keys[n % 3]", "keys[(n - 1) % 3]", THREEFRY),
    Edit("average: away from the weights", "(load(values, 0, j) - m)", "(m - load(values, 0, j))", RULES),
    Edit("average: without the initial state", "if with_initial_state:", "if False:", RULES),
    Edit("average: the first share for a whole call", "shares[iteration]", "shares[0]", LOOP),
    Edit("average: begins at zero", "self._weights.copy()\n        self._hidden", "Storage.zeros(H, V, dtype)\n        self._hidden", TRAINING),
    Edit("average, parts: shares swapped", "mean += share * (", "mean += (1 - share) * (", PARTS),
    Edit("average, parts: of the first parameter only", "in self.averages.items():", "in list(self.averages.items())[:1]:", PARTS),
    Edit("average: decays from the first iteration", "min(settings.average_decay, (1 + iteration) / (10 + iteration))", "settings.average_decay", SCHEDULE),
    Edit("average: not validated", "self.training.published.items()", "self.training.learned.items()", SESSION),
    Edit("average: not published", 'f"{AVERAGE}.{name}" if averaged else name', "name", STATE),
    Edit("average: not restored", "in _in_place(training).items()", "in (training.learned | training.optimizer_state).items()", STATE),
]  # fmt: skip
