"""How a command shows its help."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typer.core import TyperArgument, TyperCommand


class Grouped(TyperCommand):
    """Shows each group of options below its heading, and all others at the end."""

    groups: ClassVar[Mapping[str, Sequence[str]]] = {}

    def format_options(self, ctx: Any, formatter: Any) -> None:  # Typer's click has no public name
        places = {name: heading for heading, names in self.groups.items() for name in names}
        rows: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            is_argument = isinstance(parameter, TyperArgument)
            heading = places.get(parameter.name or "", "Arguments" if is_argument else "Options")
            row = parameter.get_help_record(ctx)
            if row is not None:
                name = row[0].partition(" <")[0] if is_argument else row[0]  # without its type
                rows.setdefault(heading, []).append((name, row[1]))
        for heading in ("Arguments", *self.groups, "Options"):
            if heading in rows:
                with formatter.section(heading):
                    formatter.write_dl(rows[heading])


class Train(Grouped):
    """Every setting has its place in a group; what is about the run's folder has none."""

    groups: ClassVar = {
        "Network": ["hidden_size", "initialization", "learn_initial_state", "seed"],
        "Text": ["seq_length", "lanes", "split", "validation_file", "test_file", "encoding",
                 "units"],
        "Optimization": ["iterations", "time_budget", "optimizer", "learning_rate", "momentum",
                         "weight_decay", "clip", "clip_kind"],
        "Schedule": ["schedule", "warmup", "final_share", "plateau_factor", "plateau_patience"],
        "Validation": ["validate_every", "patience"],
        "Output": ["sample_every", "sample_temperature", "checkpoint_every", "log_every",
                   "diagnostics", "tensorboard"],
        "Engine": ["engine", "dtype"],
    }  # fmt: skip
