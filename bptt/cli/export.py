"""bptt export: a run's network as a file for PyTorch."""

from pathlib import Path
from typing import Annotated

import typer

from .. import terminal
from ..models import export as exporting
from ..runs.folder import RunFolder
from .options import LastWeights, RunPath, refuse_output


def export(
    run: RunPath,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="File to write: .pt (torch.save) or .safetensors.",
            show_default=False,
        ),
    ],
    last: LastWeights = False,
) -> None:
    """Write a run's network as the state_dict of an nn.RNN and an nn.Linear.

    The file holds the vocabulary, too, and no pickled code: torch.load(FILE, weights_only=True).
    examples/sample_exported.py loads it and writes text.
    """
    folder = RunFolder(run)
    refuse_output("--out", out, *exporting.FORMATS)
    config = folder.read_config()
    folder.refuse_unfinished(f"sample from it as it is: bptt sample {run}")
    model = exporting.export(folder, out, last=last)
    terminal.console().print(
        f"{out}: {config.parameter_count:,} weights of iteration {model.iteration:,}, "
        f"{config.dtype}, SHA-256 {model.digest}.",
        markup=False,
    )
