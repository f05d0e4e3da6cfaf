"""What is printed at the end of a run."""

from .. import errors
from ..runs import ending
from ..runs.ending import Ending
from ..runs.folder import RunFolder
from ..runs.results import Results


def of_run(folder: RunFolder, outcome: Results, end: Ending) -> str:
    ended = f" ({outcome.ended})" if outcome.ended else ""
    lines = [
        f"Sampled at temperature {ending.TEMPERATURE:g}:\n{_indented(end.drawn)}\n",
        f"Greedy, always the most probable character:\n{_indented(end.greedy)}\n",
        f"Finished {outcome.iterations} iterations{ended}.",
        f"Training: {end.training_bits:.3f} bits per character ({ending.MEAN}).",
    ]
    for name in ("validation", "test"):
        evaluation = getattr(outcome, name)
        if evaluation is not None:
            unseen = f", {evaluation.unseen:,} unseen" if evaluation.unseen else ""
            lines.append(
                f"{name.capitalize()}: {evaluation.bits_per_character:.3f} bits per character "
                f"({evaluation.scored:,} scored{unseen}; weights of iteration {outcome.iteration})."
            )
    kept = folder.checkpoint, folder.log, folder.csv, folder.results, folder.samples
    names = ", ".join(path.name for path in (*kept, folder.loss_plot, folder.config))
    lines.append(f"{folder.path} holds {names} and {folder.card.name}, which describes the run.")
    return "\n".join(lines)


def _indented(text: str) -> str:
    return "  " + errors.harmless(text).replace("\n", "\n  ")
