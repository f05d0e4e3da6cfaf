"""Tests of bptt/experiments/."""
