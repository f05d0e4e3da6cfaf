"""Is a hand-written gradient right? Oracles that others computed, and how far to trust each."""

from .checker.checking import check as check
from .checker.problem import GradientProblem as GradientProblem
