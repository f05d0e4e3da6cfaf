"""The compiled engine's own loop, which takes many iterations a call."""

from typing import Any

from torch_impl import fast

from ..engines.gradients import named
from .base import Training
from .validation import ValidationHistory


class CompiledTraining(fast.Training, Training):  # pyright: ignore[reportIncompatibleVariableOverride]
    """Training by the compiled engine, for the notebook's optimizer, clip and learning rate."""

    def __init__(self, *given: Any, **options: Any) -> None:
        """Raises as fast.Training does."""
        super().__init__(*given, **options)
        self.learned = named(self.parameters)
        sums = named(self.accumulators)
        self.optimizer_state = {f"sums.{name}": value for name, value in sums.items()}
        self.progress = ValidationHistory()
