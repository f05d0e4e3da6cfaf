"""The oracles for the expected gradient, and estimates of their errors."""
