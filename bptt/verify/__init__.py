"""Is a hand-written gradient right? Oracles that others computed, and how far to trust each."""
