"""Tests of benchmarks/baseline/peers/."""
