"""Functions with a backward pass of their own, verified: values, layouts, contract, precision."""
