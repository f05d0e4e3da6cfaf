"""Tests of bptt/runs/."""
