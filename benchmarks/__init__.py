"""Benchmarks: `python -m benchmarks` compares speed; subpackages compare scaling and quality."""
