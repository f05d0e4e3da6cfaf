"""Numbers with an error bound that a user's NumPy code computes with, and their derivatives."""
