"""Carrying out a run: beginning, training, stopping, resuming and finishing it."""
