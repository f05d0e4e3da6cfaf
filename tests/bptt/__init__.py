"""Tests of bptt/."""
