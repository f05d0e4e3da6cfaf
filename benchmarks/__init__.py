"""Measurements, and what they are held against. `python -m benchmarks` compares speed."""
