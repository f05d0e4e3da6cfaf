"""Tests of bptt/training/."""
