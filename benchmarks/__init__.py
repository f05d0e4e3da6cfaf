"""Benchmarks, as `python -m benchmarks`: speed, scaling, quality, and the published run."""
