"""Tests of benchmarks/baseline/campaign/."""
