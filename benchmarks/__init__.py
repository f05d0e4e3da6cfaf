"""Benchmarks, as `python -m benchmarks`: speed, instructions, scaling, quality, published run."""
