"""Verify functions with their own backward pass: values, layouts, contract, precision."""
