"""How a command shows its help."""

from typing import Any, get_args

from typer.core import TyperArgument, TyperCommand

from ..strict import Group


class Grouped(TyperCommand):
    """Shows each group of options below its heading, and all others at the end."""

    def format_options(self, ctx: Any, formatter: Any) -> None:  # Typer's click has no public name
        headings = ("Arguments", *get_args(Group), "Options")
        rows: dict[str, list[tuple[str, str]]] = {heading: [] for heading in headings}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is None:
                continue
            if isinstance(parameter, TyperArgument):
                rows["Arguments"].append((row[0].partition(" <")[0], row[1]))  # without its type
            else:
                rows[getattr(parameter, "rich_help_panel", None) or "Options"].append(row)
        for heading, shown in rows.items():
            if shown:
                with formatter.section(heading):
                    formatter.write_dl(shown)
