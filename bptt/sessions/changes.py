"""Settings that change when a run is resumed."""

from typing import Any

from pydantic import ValidationError

from ..errors import InputError
from ..runs.config import Config
from ..runs.folder import RunFolder
from ..strict import explain

CAN_CHANGE = ("iterations", "engine", "time_budget")


def changed(config: Config, folder: RunFolder, given: dict[str, Any]) -> Config:
    """Return a run's config with the settings given now.

    Raises InputError for a setting that can't change, and for one that doesn't fit.
    """
    fixed = [key.replace("_", "-") for key in given if key not in CAN_CHANGE]
    if fixed:
        raise InputError(
            f"a resumed run keeps its settings (in {folder.config}); of them only "
            f"{', '.join(f'--{key}'.replace('_', '-') for key in CAN_CHANGE)} can be given, "
            f"got {', '.join(fixed)}"
        )
    longer = given.get("iterations", config.iterations) != config.iterations
    if longer and config.schedule == "cosine":
        raise InputError(
            f"a cosine schedule depends on the run's length, so it keeps its {config.iterations} "
            f"iterations, got {given['iterations']}"
        )
    try:
        return Config(**(config.model_dump() | given))
    except ValidationError as error:
        raise InputError(explain(error)) from error
