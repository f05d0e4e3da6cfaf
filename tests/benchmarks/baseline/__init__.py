"""Tests of benchmarks/baseline/."""
