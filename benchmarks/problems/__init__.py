"""The problems that engines solve, and the oracles that check their results."""
