"""How a command shows its help."""

import re
from typing import Any, get_args

from typer.core import TyperArgument, TyperCommand

from ..strict import Group


class Grouped(TyperCommand):
    """Shows each group of options below its heading, and all others at the end."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what follows the command's name; what must be given stands without brackets."""
        return [re.sub("[{}]", "", piece) for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:  # Typer's click has no public name
        headings = ("Arguments", *get_args(Group), "Options")
        rows: dict[str, list[tuple[str, str]]] = {heading: [] for heading in headings}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is None:
                continue
            name, said = row[0], row[1].replace("  [", " [")  # as where the text has its default
            if isinstance(parameter, TyperArgument):
                rows["Arguments"].append((name.partition(" <")[0], said))  # without its type
            else:
                heading = getattr(parameter, "rich_help_panel", None) or "Options"
                rows[heading].append((name, said))
        for heading, shown in rows.items():
            if shown:
                with formatter.section(heading):
                    formatter.write_dl(shown)
